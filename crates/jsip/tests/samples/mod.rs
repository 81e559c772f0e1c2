//! The two messages by which the codec is measured.

/// A MESSAGE of about 300 bytes.
pub(crate) fn message() -> String {
    concat!(
        r#"{"Type":"MESSAGE","Request-URI":"bob@example.com","From":"alice@example.com","To":"bob@example.com","#,
        r#""DialogueID":"a84b4c76e66710f3","CSeq":1,"Max-Forwards":20,"Content-Type":"text/plain","#,
        r#""X-Client":{"name":"web","version":"1.4.2"},"#,
        r#""Body":"Are you there? I will be ten minutes late, please start without me."}"#,
    )
    .to_owned()
}

/// An INVITE of about 3 KB with the offer of a browser in it.
pub(crate) fn invite() -> String {
    let sdp = SDP
        .replace('\n', "\r\n")
        .replace('\r', "\\r")
        .replace('\n', "\\n");
    format!(
        concat!(
            r#"{{"Type":"INVITE","Request-URI":"bob@example.com","From":"alice@example.com","To":"bob@example.com","#,
            r#""DialogueID":"a84b4c76e66710f3","CSeq":1,"Router":"as1.example.com;type=hunt","Expire":600,"#,
            r#""Max-Forwards":20,"Content-Type":"application/sdp","Body":"{}"}}"#
        ),
        sdp
    )
}

const SDP: &str = "v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS 9b4b3d2e-6d3a-4f4e-8f4e-2d6f1c9a7e55
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:2530089837 1 udp 2113937151 192.0.2.17 51472 typ host generation 0 network-cost 999
a=ice-ufrag:3kXy
a=ice-pwd:Yx0T3mS1xqv1s2cFqk0nQ4dP
a=ice-options:trickle
a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:9b4b3d2e-6d3a-4f4e-8f4e-2d6f1c9a7e55 0f1b9a37-5c4e-4d9e-a3de-7f1f3c2b8d10
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1399694169 cname:gjq4Yv5V3mNd0Q1a
a=ssrc:1399694169 msid:9b4b3d2e-6d3a-4f4e-8f4e-2d6f1c9a7e55 0f1b9a37-5c4e-4d9e-a3de-7f1f3c2b8d10
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:3kXy
a=ice-pwd:Yx0T3mS1xqv1s2cFqk0nQ4dP
a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08
a=setup:actpass
a=mid:1
a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
a=extmap:13 urn:3gpp:video-orientation
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 goog-remb
a=rtcp-fb:102 transport-cc
a=rtcp-fb:102 ccm fir
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=ssrc-group:FID 2231627014 632943048
a=ssrc:2231627014 cname:gjq4Yv5V3mNd0Q1a
a=ssrc:2231627014 msid:9b4b3d2e-6d3a-4f4e-8f4e-2d6f1c9a7e55 61317484-2ed4-49d7-9eb7-1414322a7aae
a=ssrc:632943048 cname:gjq4Yv5V3mNd0Q1a
a=ssrc:632943048 msid:9b4b3d2e-6d3a-4f4e-8f4e-2d6f1c9a7e55 61317484-2ed4-49d7-9eb7-1414322a7aae
";

//! The requests to the authority: over the server's own way out, with TLS, bounded in time and size.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use strowger_channel::net::{DialSettings, open};
use tokio::time::timeout;

/// How long a request may take.
const TIME: Duration = Duration::from_secs(30);
/// The longest answer.
const ANSWER_BYTES: usize = 256 * 1024;

/// What asks an authority.
pub(super) struct Https(pub(super) DialSettings);

impl HttpClient for Https {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let settings = self.0.clone();
        Box::pin(async move {
            let url = request.uri().clone();
            let asked = timeout(TIME, ask(request, &settings)).await;
            let asked = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            asked.map_err(|error| Error::Other(format!("{url}: {error}").into()))
        })
    }
}

async fn ask(mut request: Request<BodyWrapper<Bytes>>, settings: &DialSettings) -> io::Result<BytesResponse> {
    let uri = request.uri().clone();
    let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(io::Error::other("no https URL"));
    };
    let host = HeaderValue::from_str(authority.as_str()).map_err(io::Error::other)?;
    request.headers_mut().insert(HOST, host);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(io::Error::other)?;

    let stream = open(
        authority.host(),
        authority.port_u16().unwrap_or(443),
        true,
        settings,
    )
    .await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES)
            .collect()
            .await
            .map_err(io::Error::other)?;
        Ok(BytesResponse::from(Response::from_parts(
            head,
            Full::new(body.to_bytes()),
        )))
    };
    // The connection only has to be driven; what becomes of it shows in the answer.
    let driven = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answered = answered => answered,
        never = driven => never,
    }
}

//! A client of the admin interface, for the command line.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use strowger_admin::problem::Problem;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 16 << 20;
/// How long an answer may take; the server itself gives up before.
const ANSWER: Duration = Duration::from_secs(180);

/// Why the admin interface did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The URL is none that this client can use.
    #[error(
        "`{0}` is no URL such as http://127.0.0.1:2539 (the admin interface has no TLS: from afar, use a tunnel)"
    )]
    Url(String),
    /// Nobody answers there.
    #[error(
        "nobody answers at http://{authority}: {source}\nIs `strowger serve` running? Its admin interface may be elsewhere: see --admin"
    )]
    Unreachable {
        /// Host and port.
        authority: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    /// The answer did not come.
    #[error("no answer came within {ANSWER:?}")]
    Late,
    /// The request cannot be made: a token with characters that a header cannot have.
    #[error("not a valid request: {0}")]
    Request(#[from] http::Error),
    /// The server refused.
    #[error("{}", advice(.0))]
    Refused(Problem),
    /// The answer is none of this interface.
    #[error("the answer ({0}) is none of Strowger's: is it another program that listens there?")]
    Foreign(StatusCode),
}

fn advice(problem: &Problem) -> String {
    let more = match problem.status {
        401 => "\nGive the token in STROWGER_ADMIN_TOKEN, or in a file with --token-file",
        _ => "",
    };
    format!("refused: {}{more}", problem.detail)
}

/// The admin interface of a server.
#[derive(Clone, Debug)]
pub struct Operator {
    authority: String,
    token: Option<String>,
}

/// What is sent with a request.
#[derive(Debug, Default)]
pub struct Sent {
    /// The body.
    pub body: Bytes,
    /// What the body is.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Operator {
    /// The interface at a URL such as `http://127.0.0.1:2539`; without a port, 2539.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Url`].
    pub fn new(url: &str, token: Option<String>) -> Result<Self, OperatorError> {
        let fault = || OperatorError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| fault())?;
        let is_plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        let (true, Some(host)) = (is_plain, uri.host()) else {
            return Err(fault());
        };
        let port = uri.port_u16().unwrap_or(2539);
        Ok(Self {
            authority: format!("{host}:{port}"),
            token,
        })
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Asks for something, and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
    ) -> Result<T, OperatorError> {
        let (status, body) = self.request(method, path, sent).await?;
        serde_json::from_slice(&body).map_err(|_| OperatorError::Foreign(status))
    }

    /// Asks for something that has no answer but that it was done.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`].
    pub async fn tell(&self, method: Method, path: &str) -> Result<(), OperatorError> {
        self.request(method, path, Sent::default()).await.map(drop)
    }

    /// Asks for something, and takes whatever the answer is: what services say need not be JSON, nor success.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`]; never `Refused`.
    pub async fn answer(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
    ) -> Result<(StatusCode, Bytes), OperatorError> {
        let answer = tokio::time::timeout(ANSWER, self.exchange(method, path, sent)).await;
        answer.map_err(|_| OperatorError::Late)?
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
    ) -> Result<(StatusCode, Bytes), OperatorError> {
        let (status, body) = self.answer(method, path, sent).await?;
        if status.is_success() {
            return Ok((status, body));
        }
        match serde_json::from_slice(&body) {
            Ok(problem) => Err(OperatorError::Refused(problem)),
            Err(_) => Err(OperatorError::Foreign(status)),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
    ) -> Result<(StatusCode, Bytes), OperatorError> {
        let (response, driver) = self.begin(method, path, sent).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        driver.abort();
        body.map(|body| (status, body.to_bytes()))
            .map_err(|_| OperatorError::Foreign(status))
    }

    /// Asks for something; the answer's body comes as long as the task runs, which is for the caller to end.
    pub(crate) async fn begin(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
    ) -> Result<(Response<Incoming>, JoinHandle<()>), OperatorError> {
        let tcp = TcpStream::connect(&self.authority).await;
        let tcp = tcp.map_err(|source| OperatorError::Unreachable {
            authority: self.authority.clone(),
            source,
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !sent.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, sent.content_type);
        }
        for (name, value) in sent.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(sent.body))?;
        let driver = tokio::spawn(async move {
            // What breaks the connection is said where the answer is read.
            let _ = connection.await;
        });
        let response = sender.send_request(request).await;
        if response.is_err() {
            driver.abort();
        }
        Ok((response?, driver))
    }
}

/// A text as a part of a path or a query.
pub fn part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            part.push(byte as char);
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_perhaps_a_port() {
        let authority = |url| Operator::new(url, None).map(|operator| operator.authority);
        assert_eq!(authority("http://127.0.0.1:80").unwrap(), "127.0.0.1:80");
        assert_eq!(authority("http://[::1]").unwrap(), "[::1]:2539");
        for bad in [
            "",
            "127.0.0.1:2539",
            "https://a.example",
            "http://",
            "http://a/v1",
            "ws://a",
        ] {
            assert!(matches!(authority(bad), Err(OperatorError::Url(_))), "{bad}");
        }
    }

    #[test]
    fn what_somebody_typed_stays_one_part_of_a_path() {
        assert_eq!(part("1.0+b"), "1.0%2Bb");
        assert_eq!(part("../x?a=b&é"), "..%2Fx%3Fa%3Db%26%C3%A9");
    }
}

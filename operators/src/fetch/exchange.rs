//! One attempt: a request and the redirects it leads to, up to the body.

use std::io;
use std::time::Duration;

use ureq::Error;
use ureq::http::{Response, StatusCode, header};
use url::Url;

use super::body::{Body, out_of_time};
use super::download::Stopped;
use super::guard::PrivateAddress;
use super::{Fetcher, STAGE, place};
use crate::Fault;

impl Fetcher {
    /// Asks for `start` and follows redirects, each of them checked like the first address, to an
    /// answer with a body.
    pub(super) fn exchange(&self, start: &Url, encoding: &str, deadline: Duration) -> Result<Body, Stopped> {
        let mut url = start.clone();
        for _ in 0..=self.policy.max_redirects {
            if self.policy.clock.now() >= deadline {
                return Err(Stopped::ForGood(out_of_time(&url)));
            }
            let request = self.agent.get(url.as_str()).header(header::ACCEPT_ENCODING, encoding);
            let response = request.call().map_err(|error| broken(&url, error))?;
            let status = response.status();
            if let Some(location) = redirect(&response) {
                url = place::redirected(&url, location.map_err(|()| Stopped::ForGood(nowhere(&url)))?)
                    .map_err(Stopped::ForGood)?;
            } else if status.is_success() && status != StatusCode::NO_CONTENT && status != StatusCode::PARTIAL_CONTENT {
                let media_type = media_type(&response);
                let (clock, rate) = (self.policy.clock.clone(), self.policy.min_bytes_per_second);
                return Ok(Body::new(response.into_body().into_reader(), url, media_type, clock, deadline, rate));
            } else {
                return Err(refused(&url, &response));
            }
        }
        let message =
            format!("{} leads through more than {} redirects", place::shown(start), self.policy.max_redirects);
        Err(Stopped::ForGood(Fault::poison(STAGE, "redirects", message, "give the address that the redirects end at")))
    }
}

/// The target of a redirect; an error if it names none.
fn redirect<B>(response: &Response<B>) -> Option<Result<&str, ()>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION);
    Some(location.and_then(|location| location.to_str().ok()).ok_or(()))
}

fn nowhere(url: &Url) -> Fault {
    let message = format!("{} redirects without saying where to", place::shown(url));
    Fault::poison(STAGE, "redirects", message, "ask the host of the episode")
}

/// The media type without its parameters, unless it says no more than "bytes".
fn media_type<B>(response: &Response<B>) -> Option<String> {
    let value = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase();
    (!kind.is_empty() && kind != "application/octet-stream" && kind != "binary/octet-stream").then_some(kind)
}

/// A status that is no success.
fn refused<B>(url: &Url, response: &Response<B>) -> Stopped {
    let status = response.status();
    let message = format!("{} answered {}", place::shown(url), status.as_u16());
    let again = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    match status.as_u16() {
        404 | 410 => Stopped::ForGood(Fault::poison(STAGE, "not_found", message, "correct the address in the feed")),
        401 | 402 | 403 | 407 | 451 => {
            Stopped::ForGood(Fault::poison(STAGE, "status", message, "give an address that may be read from here"))
        }
        408 | 425 | 429 | 500..=599 => {
            let fault = Fault::retry(STAGE, "status", message, "replay the episode when its host is well again");
            Stopped::ForNow(fault, again.map(Duration::from_secs))
        }
        _ => Stopped::ForGood(Fault::poison(STAGE, "status", message, "give an address that leads to a file")),
    }
}

/// An exchange that came to no answer, or a body that came to no end. The client's own messages
/// are told only where they cannot hold the URL.
pub(super) fn broken(url: &Url, error: Error) -> Stopped {
    let shown = place::shown(url);
    let poison = |code: &str, what: String, remedy: &str| {
        Stopped::ForGood(Fault::poison(STAGE, code, format!("{shown} {what}"), remedy))
    };
    let retry = |code: &str, what: String, remedy: &str| Fault::retry(STAGE, code, format!("{shown} {what}"), remedy);
    let short =
        || Stopped::ForNow(retry("short_body", "broke off before its end".into(), "replay the episode later"), None);
    match error {
        Error::Other(error) if error.is::<PrivateAddress>() => poison(
            "private_address",
            format!("leads inside: {error}"),
            "give an address on the open internet, or allow private addresses",
        ),
        Error::Timeout(at) => Stopped::ForNow(
            retry("timeout", format!("did not answer in time ({at})"), "replay the episode later"),
            None,
        ),
        Error::HostNotFound => Stopped::ForNow(
            retry("host_not_found", "has no address".into(), "check the host's name, and this machine's resolver"),
            None,
        ),
        Error::Decompress(_, error) if error.kind() == io::ErrorKind::UnexpectedEof => short(),
        Error::Decompress(_, error) => {
            poison("encoding", format!("sent a damaged gzip body ({error})"), "ask the host of the episode")
        }
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => short(),
        error if is_unproven(&error) => {
            poison("tls", format!("cannot prove who it is ({error})"), "ask its host to repair the certificate")
        }
        Error::Io(error) => {
            let fault = retry("connection", "cannot be reached, or broke off".into(), "replay the episode later");
            Stopped::ForNow(fault.caused_by(&error), None)
        }
        error @ (Error::Tls(_) | Error::Rustls(_)) => {
            let fault = retry("connection", "does not agree with us on encryption".into(), "replay the episode later");
            Stopped::ForNow(fault.caused_by(&error), None)
        }
        Error::BadUri(_) | Error::Http(_) => {
            poison("bad_uri", "cannot be asked for".into(), "correct the address in the feed")
        }
        Error::LargeResponseHeader(..) => {
            poison("protocol", "sent a head that is too long".into(), "ask the host of the episode")
        }
        _ => Stopped::ForNow(
            retry("protocol", "does not answer as web servers do".into(), "replay the episode later"),
            None,
        ),
    }
}

/// Whether a server's certificate is not trusted. Of a handshake the client tells sometimes as of TLS, sometimes as
/// of the stream below it.
pub fn is_unproven(error: &Error) -> bool {
    let told = match error {
        Error::Rustls(error) => Some(error),
        Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    };
    matches!(told, Some(rustls::Error::InvalidCertificate(_)))
}

//! Sends what object_store has signed, by the HTTP client of the house, until there is an answer.
//!
//! ```text
//! request ─▶ try ─▶ the whole answer ─▶ understood
//!             ▲          └ passing? ─ pause: 0.1 s, doubled up to 2 s ─┐
//!             └────────────────────────────────────────────────────────┘  for a minute in all
//! ```
//! A try may have taken effect though its answer was lost. What is put goes to a name that content gives
//! it, or on condition that there is none, so that doing it twice is the same as once.
//!
//! Invariant: an answer is handed on whole or not at all; one that broke off is asked for again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use hark_operators::fetch::is_unproven;
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use ureq::config::AutoHeaderValue;
use ureq::http::{Method, Request, header, request, response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Error};

use super::error::short;
use super::refusal::{Trouble, is_whole, judge};
use super::{BucketError, Endpoint};
use crate::sink::Place;

/// How long a store may be away while a job runs: as long as a database may.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long at its start, where a wrong address is to be told at once.
const AT_START: Duration = Duration::from_secs(4);
/// The first pause before another try, the longest at the start, and the longest.
const PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(2)];
/// A wait that is worth a line in the log.
const LONG: Duration = Duration::from_secs(2);
/// How long a name may take to be resolved, and a connection to be made.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long nothing may move.
const SILENCE: Duration = Duration::from_secs(20);
/// How long an answer may take to begin, and a body of any length to pass.
const PHASES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));
/// Bytes of the largest answer; snapshots are in files of some 64 MB.
const LARGEST: u64 = 1 << 32;

/// One server, spoken to for one bucket. Clones share connections.
#[derive(Clone, Debug)]
pub(super) struct Service {
    agent: Agent,
    place: Place,
    endpoint: String,
    started: Arc<AtomicBool>,
}

impl Service {
    /// A service that has little patience yet.
    pub fn new(place: Place, endpoint: &Endpoint) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept(AutoHeaderValue::None)
            // An object that somebody stored compressed is handed on as it lies there.
            .accept_encoding(AutoHeaderValue::None)
            .user_agent(concat!("hark/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECTING))
            .timeout_connect(Some(CONNECTING))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .timeout_recv_response(Some(PHASES.0))
            .timeout_send_body(Some(PHASES.1))
            .timeout_recv_body(Some(PHASES.1));
        // A server that is spoken to in the clear stands beside us.
        let config = if endpoint.is_plain() { config.proxy(None) } else { config.tls_config(trusted()) };
        Self { agent: config.build().into(), place, endpoint: endpoint.to_string(), started: Arc::default() }
    }

    /// The store has served; from now on it is waited for.
    pub fn has_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// Tries until there is an answer, or patience has run out.
    fn answer(&self, head: &request::Parts, body: &[u8]) -> Result<HttpResponse, BucketError> {
        let started = self.started.load(Ordering::Relaxed);
        let [mut pause, at_start, longest] = PAUSES;
        let (patience, longest) = if started { (PATIENCE, longest) } else { (AT_START, at_start) };
        let (began, mut told) = (Instant::now(), false);
        loop {
            let limit = (!started).then(|| patience.saturating_sub(began.elapsed()).max(PAUSES[0]));
            let error = match self.once(head, body, limit) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(error)) => error,
            };
            // Up to a half less, so that those who were turned away together do not come back together.
            let now = pause.mul_f64(1.0 - fastrand::f64() / 2.0);
            if began.elapsed() + now > patience {
                return Err(error);
            }
            if !told && began.elapsed() > LONG {
                tracing::warn!(%error, "waiting for the object store");
                told = true;
            }
            tracing::debug!(%error, pause = ?now, "once more");
            std::thread::sleep(now);
            pause = (pause * 2).min(longest);
        }
    }

    /// One try, the body of its answer included.
    fn once(&self, head: &request::Parts, body: &[u8], limit: Option<Duration>) -> Result<HttpResponse, Trouble> {
        let lost = |error: Error| self.lost(&error);
        let request = Request::from_parts(head.clone(), ());
        let with_body = ["PUT", "POST"].contains(&head.method.as_str());
        let answer = if with_body {
            let request = self.agent.configure_request(request.map(|()| body)).timeout_global(limit).build();
            self.agent.run(request)
        } else {
            self.agent.run(self.agent.configure_request(request).timeout_global(limit).build())
        };
        let (head_of_answer, mut body) = answer.map_err(lost)?.into_parts();
        let bytes = body.with_config().limit(LARGEST).read_to_vec().map_err(lost)?;
        judge((&self.place, &self.endpoint), &head.method, head_of_answer.status, &bytes)?;
        if is_open_ended(&head.method, &head_of_answer) && !is_whole(&bytes) {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the answer broke off");
            return Err(self.lost(&Error::Io(error)));
        }
        Ok(HttpResponse::from_parts(head_of_answer, Bytes::from(bytes).into()))
    }

    /// What an exchange that came to no answer means.
    fn lost(&self, error: &Error) -> Trouble {
        let (place, endpoint, cause) = (self.place.clone(), self.endpoint.clone(), short(&error.to_string()));
        match error {
            error if is_unproven(error) => Trouble::Lasting(BucketError::Untrusted { place, endpoint, cause }),
            Error::BodyExceedsLimit(_) | Error::Http(_) | Error::BadUri(_) => {
                Trouble::Lasting(BucketError::Refused { place, cause })
            }
            _ => Trouble::Passing(BucketError::Unreachable { place, endpoint, cause }),
        }
    }
}

/// Whether it is the end of the connection that ends an answer, and so cannot be told from its loss. Lists
/// may come so; objects say how long they are.
fn is_open_ended(method: &Method, answer: &response::Parts) -> bool {
    let says = |name| answer.headers.contains_key(name);
    let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    *method == Method::GET
        && !says(header::CONTENT_LENGTH)
        && !says(header::TRANSFER_ENCODING)
        && kind.is_some_and(|kind| kind.contains("xml"))
}

/// Trusts the authorities of the system; `SSL_CERT_FILE` names others, as for databases.
fn trusted() -> TlsConfig {
    let loaded = rustls_native_certs::load_native_certs().certs;
    let roots = loaded.iter().map(|authority| Certificate::from_der(authority).to_owned());
    TlsConfig::builder().root_certs(RootCerts::from(roots)).build()
}

#[async_trait]
impl HttpService for Service {
    /// Blocks: whoever asks has a thread of its own.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        // Of this kind, so that nobody above tries again.
        self.answer(&head, &body).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
    }
}

/// Hands object_store the service.
#[derive(Debug)]
pub(super) struct Connector(pub Service);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

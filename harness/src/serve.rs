//! Three pages for operation: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server};

/// What the pages tell of.
pub trait Watched: Send + Sync {
    /// Models are warm and what was known before is known again.
    fn is_ready(&self) -> bool;
    /// OpenMetrics text.
    fn metrics(&self) -> String;
}

/// Serves the pages until the process ends; returns where.
pub fn serve(listen: SocketAddr, watched: Arc<dyn Watched>) -> Result<SocketAddr> {
    let server = Server::http(listen)
        .map_err(|error| anyhow!("cannot listen on {listen}: {error}; choose another --listen address"))?;
    let address = server.server_addr().to_ip().unwrap_or(listen);
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            answer(request, &*watched);
        }
    });
    Ok(address)
}

fn answer(request: Request, watched: &dyn Watched) {
    let plain = "text/plain; charset=utf-8";
    let (status, kind, text) = match (request.method(), request.url().split('?').next().unwrap_or_default()) {
        (Method::Get, "/healthz") => (200, plain, "ok\n".to_owned()),
        (Method::Get, "/readyz") if watched.is_ready() => (200, plain, "ready\n".to_owned()),
        (Method::Get, "/readyz") => (503, plain, "warming up\n".to_owned()),
        (Method::Get, "/metrics") => {
            (200, "application/openmetrics-text; version=1.0.0; charset=utf-8", watched.metrics())
        }
        (Method::Get, _) => (404, plain, "there are /healthz, /readyz and /metrics\n".to_owned()),
        _ => (405, plain, "only GET\n".to_owned()),
    };
    let kind = Header::from_bytes("Content-Type", kind).expect("a header of plain words");
    // Who asked may be gone.
    let _answered = request.respond(Response::from_string(text).with_status_code(status).with_header(kind)).is_ok();
}

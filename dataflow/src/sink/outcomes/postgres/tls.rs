//! An encrypted connection, by the TLS library of the house.
//!
//! Invariant: a certificate is verified, its host name too. Encryption to somebody unknown would look
//! like safety and be none.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::Trouble;
use crate::sink::{Place, SinkError};

/// Trusts the `authorities` of a PEM file, or those of the system (`SSL_CERT_FILE` names others).
pub(super) fn connector(place: &Place, authorities: Option<&Path>) -> Result<MakeRustlsConnect, Trouble> {
    let loaded = match authorities {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(loaded.certs);
    let named = authorities.filter(|_| added == 0);
    if let Some(file) = named {
        let why = loaded.errors.first().map_or("it holds no certificate".to_owned(), ToString::to_string);
        let cause = format!("sslrootcert {}: {why}", file.display());
        return Err(Trouble::Lasting(SinkError::Untrusted { place: place.clone(), cause }));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the versions that are default")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

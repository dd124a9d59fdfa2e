//! The HTTP client, built so that it can only reach addresses that have been checked.
//!
//! The check sits in the resolver because that is the one place between a name and a connection:
//! what it returns is what is connected to, and nothing asks for the name again in between.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ureq::config::{Config, IpFamily};
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, NextTimeout};
use ureq::{Agent, Error};

use super::address::is_public;
use super::policy::{FetchPolicy, Lookup};

/// Addresses of one name that are tried.
const MOST: usize = 16;

/// A client that keeps to the policy, connecting by `connector`.
pub(super) fn agent(policy: &FetchPolicy, connector: impl Connector) -> Agent {
    let config = Agent::config_builder()
        // A proxy would resolve names itself, behind the check.
        .proxy(None)
        // Redirects are followed in `exchange`, statuses judged in `download`.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .ip_family(IpFamily::Any)
        .user_agent(concat!("hark/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(policy.connect_timeout))
        .timeout_connect(Some(policy.connect_timeout))
        .timeout_send_request(Some(policy.read_timeout))
        .timeout_recv_response(Some(policy.read_timeout))
        .timeout_per_read(Some(policy.read_timeout))
        .timeout_per_write(Some(policy.read_timeout))
        .timeout_global(Some(policy.overall_timeout))
        .build();
    let resolver = Guard {
        lookup: policy.lookup.clone(),
        system: DefaultResolver::default(),
        allow_private: policy.allow_private,
    };
    Agent::with_parts(config, connector, resolver)
}

/// A name led to an address that is not public.
#[derive(Debug)]
pub(super) struct PrivateAddress(pub(super) IpAddr);

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address", self.0)
    }
}

impl std::error::Error for PrivateAddress {}

/// Resolves names and refuses those of which any address is not public: a name with a public and a
/// private address is an attack, not a mistake.
struct Guard {
    lookup: Option<Lookup>,
    system: DefaultResolver,
    allow_private: bool,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = match &self.lookup {
            None => self.system.resolve(uri, config, timeout).map_err(|error| match error {
                Error::Timeout(_) => error,
                _ => Error::HostNotFound,
            })?,
            Some(lookup) => self.collect(looked_up(lookup, uri)?),
        };
        match addresses.iter().find(|address| !self.allow_private && !is_public(address.ip())) {
            Some(address) => Err(Error::Other(Box::new(PrivateAddress(address.ip())))),
            None if addresses.is_empty() => Err(Error::HostNotFound),
            None => Ok(addresses),
        }
    }
}

impl Guard {
    fn collect(&self, found: Vec<SocketAddr>) -> ResolvedSocketAddrs {
        let mut addresses = self.empty();
        found.into_iter().take(MOST).for_each(|address| addresses.push(address));
        addresses
    }
}

/// Asks the caller's lookup, except where the host is an address already.
fn looked_up(lookup: &Lookup, uri: &Uri) -> Result<Vec<SocketAddr>, Error> {
    let host = uri.host().ok_or(Error::HostNotFound)?.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    match host.parse::<IpAddr>() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        Err(_) => lookup(host, port).map_err(|_| Error::HostNotFound),
    }
}

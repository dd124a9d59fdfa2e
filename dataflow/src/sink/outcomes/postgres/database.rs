//! The address of a database, and the password, which no message ever holds.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::NoTls;
use tokio_postgres::config::{Config, SslMode};
use url::Url;

use super::connection::Connection;
use super::fault::Trouble;
use super::tls;
use crate::sink::{Place, SinkError};

/// How long a server may take to accept a connection and a login.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long a server may take for one row or a commit.
const ANSWERING: Duration = Duration::from_secs(20);
/// How long sent bytes may stay unacknowledged, and how long a silent server goes unasked.
const SILENCE: Duration = Duration::from_secs(10);

/// A database of a Postgres server: `postgres://user@host:port/name`, with the parameters `host` (a
/// folder with the server's socket), `sslmode` (disable, prefer, require; verify-ca and verify-full are
/// require: a certificate is always verified), `sslrootcert`, `application_name`, `connect_timeout` and
/// `answer_timeout` (for one row or a commit), both in seconds.
///
/// Its `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct Database {
    config: Config,
    /// Certificates of the authorities to trust, instead of the system's.
    authorities: Option<PathBuf>,
    answering: Duration,
    place: Place,
}

impl FromStr for Database {
    type Err = SinkError;

    fn from_str(text: &str) -> Result<Self, SinkError> {
        let wrong = |detail: &str| SinkError::Address { detail: detail.to_owned() };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(wrong("it does not begin with postgres://"));
        }
        let plain = |text: &str| {
            let bytes = percent_encoding::percent_decode_str(text);
            bytes.decode_utf8().map(String::from).map_err(|_| wrong("its %XX are no UTF-8"))
        };
        let mut config = Config::new();
        config.application_name("hark").connect_timeout(CONNECTING).tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
        let user =
            if url.username().is_empty() { std::env::var("USER").unwrap_or_default() } else { plain(url.username())? };
        let mut host = url.host_str().map(plain).transpose()?.filter(|host| !host.is_empty());
        let name = plain(url.path().trim_start_matches('/'))?;
        let (mut authorities, mut answering) = (None, ANSWERING);
        let seconds = |key: &str, text: &str| match text.parse() {
            Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
            _ => Err(wrong(&format!("{key} is a number of seconds from 1 to 3600"))),
        };
        for (key, value) in url.query_pairs() {
            match (&*key, &*value) {
                ("host", _) => host = Some(value.into_owned()),
                ("sslmode", "disable") => drop(config.ssl_mode(SslMode::Disable)),
                ("sslmode", "prefer") => drop(config.ssl_mode(SslMode::Prefer)),
                ("sslmode", "require" | "verify-ca" | "verify-full") => drop(config.ssl_mode(SslMode::Require)),
                ("sslmode", _) => return Err(wrong("sslmode is disable, prefer or require")),
                ("sslrootcert", _) => authorities = Some(PathBuf::from(&*value)),
                ("application_name", _) => drop(config.application_name(&*value)),
                ("connect_timeout", _) => drop(config.connect_timeout(seconds(&key, &value)?)),
                ("answer_timeout", _) => answering = seconds(&key, &value)?,
                _ => {
                    return Err(wrong(
                        "of parameters it may have host, sslmode, sslrootcert, application_name, connect_timeout, \
                         answer_timeout",
                    ));
                }
            }
        }
        let (Some(host), false, false) = (host, user.is_empty(), name.is_empty()) else {
            return Err(wrong("user, host or database is missing"));
        };
        config.user(&user).host(&host).dbname(&name);
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        config.port(url.port().unwrap_or(5432));
        if let Some(password) = url.password() {
            config.password(plain(password)?);
        }
        let shown = if host.starts_with('/') {
            format!("postgres://{user}@localhost/{name}?host={host}")
        } else {
            format!("postgres://{user}@{host}{port}/{name}")
        };
        let shown: String = shown.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
        Ok(Self { config, authorities, answering, place: Place::named(shown) })
    }
}

impl Database {
    /// With a password from elsewhere; one in the address goes before it.
    #[must_use]
    pub fn or_password(mut self, password: Option<String>) -> Self {
        if let (None, Some(password)) = (self.config.get_password(), password) {
            self.config.password(password);
        }
        self
    }

    /// The address without the password.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How long it may take for one row or a commit.
    pub(super) fn answering(&self) -> Duration {
        self.answering
    }

    /// A connection of its own, that waits for any answer for so long at most.
    pub(super) fn connect(&self, patience: Duration) -> Result<Connection, Trouble> {
        let Self { config, authorities, place, .. } = self;
        // With what follows the connection: a server that is frozen accepts it.
        let times = (config.get_connect_timeout().copied().unwrap_or(CONNECTING), patience);
        if config.get_ssl_mode() == SslMode::Disable {
            Connection::open(config, NoTls, place, times)
        } else {
            Connection::open(config, tls::connector(place, authorities.as_deref())?, place, times)
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.config.get_password().map(|_| "***");
        f.debug_struct("Database").field("place", &self.place).field("password", &password).finish_non_exhaustive()
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for address in [
            "postgres://hark:hunter2@db.example:5433/podcasts?sslmode=require",
            "postgresql://hark:hunter2@localhost/podcasts?host=/run/postgresql",
            "postgres://hark:p%40:hunter2@db.example/podcasts",
            "postgres://hark:p@hunter2@db.example/podcasts",
        ] {
            let database: Database = address.parse().unwrap();
            let shown = format!("{database} {database:?} {}", database.place());
            assert!(!shown.contains("hunter2") && shown.contains("hark@") && shown.contains("***"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for address in [
            "hunter2",
            "mysql://hark:hunter2@db/podcasts",
            "postgres://hark:hunter2/x@db/podcasts",
            "postgres://hark:hunter2@db",
            "postgres://hark:hunter2@/podcasts",
            "postgres://hark:hunter2@db/podcasts?sslmode=hunter2",
            "postgres://hark:hunter2@db/podcasts?answer_timeout=0",
            "postgres://hark:hunter2@db/podcasts?hunter2=1",
            "postgres://hark:%ffhunter2@db/podcasts",
        ] {
            let error = address.parse::<Database>().unwrap_err();
            assert!(matches!(error, SinkError::Address { .. }), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_password_in_the_address_goes_before_one_from_elsewhere() {
        let bare: Database = "postgres://hark@db/podcasts".parse().unwrap();
        assert_eq!(bare.or_password(Some("b".into())).config.get_password(), Some(&b"b"[..]));
        let given: Database = "postgres://hark:a@db/podcasts".parse().unwrap();
        assert_eq!(given.or_password(Some("b".into())).config.get_password(), Some(&b"a"[..]));
    }
}

//! Properties of librdkafka from a file: TLS, SASL, and whatever an installation needs.
//!
//! Invariant: values are secrets. Nothing that can be printed shows one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::BrokerError;

/// `key=value` lines, shown as `key=***`.
#[derive(Clone, Default)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Reads a file of them.
    ///
    /// # Errors
    /// A file that cannot be read, or a line that is none.
    pub fn read(file: &Path) -> Result<Self, BrokerError> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| BrokerError::Unreadable { file: file.to_owned(), cause: error.to_string() })?;
        let mut properties = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || BrokerError::Line { file: file.to_owned(), line: at + 1 };
            let (key, value) = line.split_once('=').ok_or_else(bad)?;
            properties.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        Ok(Self(properties))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|key| (key, "***"))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Brokers;
    use super::*;

    #[test]
    fn no_secret_is_shown_and_none_undoes_what_delivery_rests_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.properties");
        std::fs::write(&file, "# ours\n\nsasl.password = a=b \nenable.auto.commit=true\nacks=0\n").unwrap();
        let brokers = Brokers::new("here:9092", Properties::read(&file).unwrap());
        let shown = format!("{brokers:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("a=b"), "{shown}");
        let client = brokers.client(&[("enable.auto.commit", "false")]);
        assert_eq!(client.get("sasl.password"), Some("a=b"));
        assert_eq!(client.get("enable.auto.commit"), Some("false"));
    }

    #[test]
    fn a_line_that_is_no_property_is_named_by_its_number_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.properties");
        std::fs::write(&file, "a=b\nhunter2\n").unwrap();
        let error = Properties::read(&file).unwrap_err().to_string();
        assert!(error.contains("client.properties:2") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_value_that_the_client_does_not_take_is_not_shown() {
        let config = Brokers::new("here:9092", Properties::default()).client(&[("security.protocol", "hunter2")]);
        let error = config.create::<rdkafka::consumer::BaseConsumer>().map(drop).map_err(BrokerError::client);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("security.protocol") && !error.contains("hunter2"), "{error}");
    }
}

//! What an answer that is no success means: which pass by themselves, and the remedy of those that do not.

use quick_xml::Reader;
use quick_xml::events::Event;
use ureq::http::{Method, StatusCode};

use super::BucketError;
use super::error::short;
use crate::sink::Place;

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The store is busy, starts, or something was lost on the way.
    Passing(BucketError),
    /// Trying again would not help.
    Lasting(BucketError),
}

/// Codes that pass, under whatever status they come.
const PASSING: [&str; 9] = [
    "RequestTimeout",
    "IncompleteBody",
    // What arrived is not what was sent.
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    // Two conditional writes of one name at once.
    "OperationAborted",
    "ConditionalRequestConflict",
];

/// Whether an answer is one that whoever asked understands: success, or that an object is or is not there.
/// Otherwise the trouble that it means.
pub(super) fn judge(
    (place, endpoint): (&Place, &str),
    method: &Method,
    status: StatusCode,
    body: &[u8],
) -> Result<(), Trouble> {
    let Said { code, message } = Said::of(body);
    let understood = match status {
        // Who asks for the head alone is told nothing more.
        StatusCode::NOT_FOUND => code != "NoSuchBucket",
        StatusCode::PRECONDITION_FAILED | StatusCode::NOT_MODIFIED => true,
        status => status.is_success(),
    };
    if understood {
        return Ok(());
    }
    let words: Vec<&str> = [code.as_str(), &message].into_iter().filter(|part| !part.is_empty()).collect();
    let cause = short(format!("{method}: {} {}", status.as_u16(), words.join(": ")).trim_end());
    let (place, endpoint) = (place.clone(), endpoint.to_owned());
    let passing = matches!(status.as_u16(), 408 | 409 | 425 | 429) || status.is_server_error();
    if PASSING.contains(&code.as_str()) || passing && status != StatusCode::NOT_IMPLEMENTED {
        return Err(Trouble::Passing(BucketError::Unreachable { place, endpoint, cause }));
    }
    Err(Trouble::Lasting(match code.as_str() {
        "NoSuchBucket" => BucketError::Missing { place, cause },
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            BucketError::Login { place, cause }
        }
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => BucketError::Region { place, cause },
        "AccessDenied" => BucketError::Denied { place, cause },
        _ => match status {
            StatusCode::UNAUTHORIZED => BucketError::Login { place, cause },
            StatusCode::FORBIDDEN => BucketError::Denied { place, cause },
            status if status.is_redirection() => BucketError::Region { place, cause },
            _ => BucketError::Refused { place, cause },
        },
    }))
}

/// Code and message of an error's body. The rest of it is never shown: it may repeat the request, token
/// included.
#[derive(Default)]
struct Said {
    code: String,
    message: String,
}

impl Said {
    fn of(body: &[u8]) -> Self {
        let (mut said, mut within) = (Self::default(), String::new());
        let text = String::from_utf8_lossy(body);
        let mut reader = Reader::from_str(&text);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => tag.local_name().as_ref().clone_into(&mut within),
                Ok(Event::End(_)) => within.clear(),
                Ok(Event::Text(text)) => {
                    let field = match within.as_str() {
                        "Code" => &mut said.code,
                        "Message" => &mut said.message,
                        _ => continue,
                    };
                    field.push_str(&text);
                }
                Ok(Event::Eof) | Err(_) => return said,
                Ok(_) => {}
            }
        }
    }
}

/// Whether a document ends where its first element does.
pub(super) fn is_whole(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let (mut reader, mut depth, mut closed) = (Reader::from_str(&text), 0_usize, false);
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => depth += 1,
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                closed |= depth == 0;
            }
            Ok(Event::Empty(_)) => closed |= depth == 0,
            Ok(Event::Eof) => return closed && depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<(), Trouble> {
        let place = Place::named("s3://clips");
        judge((&place, "http://store"), &Method::GET, StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    fn error(code: &str) -> String {
        format!(
            "<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>what it says</Message>\
             <CanonicalRequest>x-amz-security-token:hunter2</CanonicalRequest></Error>"
        )
    }

    #[test]
    fn that_an_object_is_there_or_not_is_an_answer() {
        for (status, code) in [(200, ""), (204, ""), (404, "NoSuchKey"), (404, ""), (412, "PreconditionFailed")] {
            assert!(judged(status, &error(code)).is_ok(), "{status} {code}");
        }
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for (status, code) in
            [(503, "SlowDown"), (500, ""), (429, ""), (400, "RequestTimeout"), (400, "IncompleteBody"), (409, "")]
        {
            assert!(matches!(judged(status, &error(code)), Err(Trouble::Passing(_))), "{status} {code}");
        }
        let lasting = |status, code: &str| match judged(status, &error(code)) {
            Err(Trouble::Lasting(error)) => error,
            other => panic!("{status} {code}: {other:?}"),
        };
        assert!(matches!(lasting(404, "NoSuchBucket"), BucketError::Missing { .. }));
        assert!(matches!(lasting(403, "SignatureDoesNotMatch"), BucketError::Login { .. }));
        assert!(matches!(lasting(400, "ExpiredToken"), BucketError::Login { .. }));
        assert!(matches!(lasting(403, "AccessDenied"), BucketError::Denied { .. }));
        assert!(matches!(lasting(403, ""), BucketError::Denied { .. }));
        assert!(matches!(lasting(301, "PermanentRedirect"), BucketError::Region { .. }));
        assert!(matches!(lasting(501, "NotImplemented"), BucketError::Refused { .. }));
        assert!(matches!(lasting(400, "no XML"), BucketError::Refused { .. }));
    }

    #[test]
    fn a_document_that_breaks_off_anywhere_is_not_whole() {
        let document = "<?xml version='1.0'?><List><Name>clips</Name><Token/><Key>a</Key></List>";
        assert!(is_whole(document.as_bytes()) && is_whole(format!("{document}\n").as_bytes()) && is_whole(b"<List/>"));
        for end in 0..document.len() {
            assert!(!is_whole(&document.as_bytes()[..end]), "{}", &document[..end]);
        }
    }

    #[test]
    fn of_what_a_server_says_only_code_and_message_are_told() {
        let Err(Trouble::Lasting(told)) = judged(403, &error("SignatureDoesNotMatch")) else { panic!() };
        let told = told.to_string();
        assert!(told.contains("GET: 403 SignatureDoesNotMatch: what it says"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

//! The page's Content-Security-Policy: nothing from the network, no script and no style but ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A policy that lets exactly this `style` and this `script` work and media lie beside the page.
/// `file:` is named because a page opened from disk has no origin that `'self'` could mean; a page
/// from a server may not load `file:` whatever its policy says.
pub fn policy(style: &str, script: &str) -> String {
    let (style, script) = (hash(style), hash(script));
    format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; media-src 'self' file:; \
         style-src '{style}'; script-src '{script}'"
    )
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

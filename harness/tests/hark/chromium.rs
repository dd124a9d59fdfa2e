//! Pages in headless Chromium.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The page's document after its scripts ran; with `frames` also drawn. `None`, with a loud line, without a browser.
pub fn dump(page: &Path, folder: &Path, frames: bool) -> Option<String> {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
    else {
        println!("SKIPPED: no chromium here, so the page was not opened in a browser");
        return None;
    };
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--window-size=1200,900", "--dump-dom"])
        // In the page's own time, which runs as fast as the machine can: room for a few frames.
        .args(frames.then_some("--virtual-time-budget=20000"))
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("its version was told");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("a document is text"))
}

/// What a probe left on the document's element, as `data-probe`.
pub fn reported(dom: &str) -> Value {
    let report = dom.split("data-probe=\"").nth(1).expect("the probe reports").split('"').next();
    let report = report
        .unwrap_or_default()
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&report).expect("the probe writes JSON")
}

//! Text that examples measure on.

/// The spoken sentences of SRT files: text lines joined, cut at sentence ends.
pub fn sentences(paths: &[String]) -> std::io::Result<Vec<String>> {
    let mut text = String::new();
    for path in paths {
        for line in
            std::fs::read_to_string(path)?.lines().filter(|line| !line.contains("-->") && line.parse::<u32>().is_err())
        {
            text.push_str(line.split_once("]: ").map_or(line, |(_, said)| said));
            text.push(' ');
        }
    }
    if text.is_empty() {
        text = "The lighthouse keeper wrote down the weather every morning for forty years. ".repeat(512);
    }
    Ok(text
        .split_inclusive(['.', '?', '!'])
        .map(|sentence| sentence.trim().to_owned())
        .filter(|sentence| sentence.len() > 3)
        .collect())
}

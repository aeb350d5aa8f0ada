//! The parts of a site.
//!
//! Scanners ask for thousands of names that do not exist, so only folders make sections: a file
//! in the root, there or not, counts as the root.

/// Bytes of a section's name, at most about.
const BYTES: usize = 64;

/// The first folder of a path; `/` where there is none, `-` where there is no path.
#[must_use]
pub fn of(path: Option<&str>) -> &str {
    let Some(path) = path else {
        return "-";
    };
    let path = path.trim_start_matches('/');
    match path.split_once('/') {
        Some((folder, _)) => cut(folder),
        None => "/",
    }
}

fn cut(folder: &str) -> &str {
    let end = folder.floor_char_boundary(BYTES);
    &folder[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_sections() {
        let long = format!("/{}/x", "\u{e9}".repeat(50));
        let expected = "\u{e9}".repeat(32);
        let cases = [
            (Some("/blog/tags/x"), "blog"),
            (Some("/blog/"), "blog"),
            (Some("//blog//x"), "blog"),
            (Some("/"), "/"),
            (Some(""), "/"),
            (Some("*"), "/"),
            (Some("/favicon.ico"), "/"),
            (Some(long.as_str()), expected.as_str()),
            (None, "-"),
        ];
        for (path, section) in cases {
            assert_eq!(of(path), section, "{path:?}");
        }
    }
}

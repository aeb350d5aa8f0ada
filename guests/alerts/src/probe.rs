//! What only scanners ask for.

/// Parts of paths, in lower case, of software that is attacked wherever it is found, and of files
/// that should never be served. Links to them exist on no site that does not have them.
const PROBES: &[&str] = &[
    "/.aws/",
    "/.env",
    "/.git/",
    "/.svn/",
    "/admin.php",
    "/administrator",
    "/backup",
    "/boaform/",
    "/cgi-bin/",
    "/console/login",
    "/etc/passwd",
    "/fckeditor/",
    "/hnap1",
    "/manager/html",
    "/myadmin",
    "/owa/",
    "/phpmyadmin",
    "/phpunit/",
    "/server-status",
    "/setup.php",
    "/shell",
    "/vendor/",
    "/wp-admin",
    "/wp-config",
    "/wp-login",
    "/xmlrpc.php",
];

/// Whether a path is one of those.
#[must_use]
pub fn is_probe(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    PROBES.iter().any(|probe| path.contains(probe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_holes_are_probes_wherever_they_lie() {
        let probes = [
            "/wp-login.php",
            "/blog/wp-admin/",
            "/a/admin/FCKeditor/editor/fckeditor.html",
            "/.env",
            "/admin.php",
        ];
        for probe in probes {
            assert!(is_probe(probe), "{probe}");
        }
        for path in [
            "/",
            "/blog/tags/wp",
            "/environment",
            "/projects/git/",
            "/apple-touch-icon.png",
        ] {
            assert!(!is_probe(path), "{path}");
        }
    }
}

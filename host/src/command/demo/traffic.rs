//! Traffic for a demo without an input: an access log as a small shop's web server would write it.
//!
//! Pure: the same seed and end give the same lines. It holds what the bundled functions look for:
//! visitors, a crawler, a scanner that probes for known holes, three minutes of server errors, and
//! a few lines that are no log lines at all.

use jiff::Timestamp;

/// How long the traffic lasts.
const SPAN_MS: u64 = 2 * 3_600_000;
/// When the search began to fail, and until when.
const OUTAGE_MS: std::ops::Range<u64> = 70 * 60_000..73 * 60_000;

const PAGES: [&str; 16] = [
    "/",
    "/",
    "/",
    "/products",
    "/products/lamp",
    "/products/chair",
    "/products/desk",
    "/products/shelf",
    "/search?q=oak",
    "/search?q=lamp",
    "/cart",
    "/blog/how-we-build",
    "/blog/oak-or-ash",
    "/about",
    "/shipping",
    "/contact",
];
const ASSETS: [&str; 6] = [
    "/static/site.css",
    "/static/site.js",
    "/static/logo.svg",
    "/images/lamp.jpg",
    "/images/chair.jpg",
    "/favicon.ico",
];
const PROBES: [&str; 10] = [
    "/wp-login.php",
    "/.env",
    "/.git/config",
    "/phpmyadmin/",
    "/admin.php",
    "/xmlrpc.php",
    "/cgi-bin/test",
    "/backup.zip",
    "/.aws/credentials",
    "/server-status",
];
const REFERRERS: [&str; 4] = [
    "-",
    "-",
    "https://www.example.org/links",
    "https://search.example.net/?q=oak+desk",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
];
const CRAWLER: &str = "Mozilla/5.0 (compatible; examplebot/2.1; +http://example.com/bot.html)";
const SCANNER: &str = "python-requests/2.32";
const BROKEN: [&str; 4] = [
    "kernel: Out of memory: Killed process 4711 (httpd)",
    "203.0.113.9 - - [",
    "{\"level\":\"warn\",\"msg\":\"log rotated\"}",
    "198.51.100.7 - - \"GET / HTTP/1.1\" 200",
];

/// `count` lines, ended by `\n`, whose last requests are just before `end`.
pub(super) fn generate(seed: u64, end: Timestamp, count: usize) -> String {
    let mut traffic = Traffic {
        random: Random(seed),
        start_ms: end.as_millisecond() - SPAN_MS as i64,
        lines: Vec::new(),
    };
    traffic.crawler();
    traffic.scanner();
    traffic.broken();
    traffic.lines.truncate(count);
    while traffic.lines.len() < count {
        traffic.visitor(count);
    }
    // Stable, so that lines of one moment keep the order in which they were made.
    traffic.lines.sort_by_key(|(at, _)| *at);
    traffic
        .lines
        .into_iter()
        .map(|(_, line)| line + "\n")
        .collect()
}

struct Traffic {
    random: Random,
    start_ms: i64,
    /// Milliseconds since the start, and the line.
    lines: Vec<(u64, String)>,
}

struct Visitor<'a> {
    client: &'a str,
    referrer: &'a str,
    agent: &'a str,
}

impl Traffic {
    /// Somebody who looks at some pages and perhaps comes back an hour later.
    fn visitor(&mut self, count: usize) {
        let client = format!(
            "{}.{}.{}.{}",
            11 + self.random.below(160),
            self.random.below(256),
            self.random.below(256),
            1 + self.random.below(254)
        );
        let agent = self.random.pick(&AGENTS);
        let referrer = self.random.pick(&REFERRERS);
        let visitor = Visitor {
            client: &client,
            referrer,
            agent,
        };
        let mut at = self.random.below(SPAN_MS);
        for _ in 0..1 + self.random.below(9) {
            if at >= SPAN_MS || self.lines.len() >= count {
                return;
            }
            self.page(&visitor, at, count);
            let returns = self.random.below(20) == 0;
            let pause = if returns { 3_600_000 } else { 90_000 };
            at += 2_000 + self.random.below(pause);
        }
    }

    fn page(&mut self, visitor: &Visitor<'_>, at: u64, count: usize) {
        let path = self.random.pick(&PAGES);
        let fails = OUTAGE_MS.contains(&at) && self.random.below(10) < 7;
        let status = match self.random.below(100) {
            _ if fails => 503,
            0 | 1 => 404,
            2 => 301,
            _ => 200,
        };
        self.line(visitor, at, path, status);
        for _ in 0..self.random.below(5) {
            if self.lines.len() >= count {
                return;
            }
            let asset = self.random.pick(&ASSETS);
            let status = if self.random.below(4) == 0 { 304 } else { 200 };
            let later = at + self.random.below(900);
            self.line(visitor, later.min(SPAN_MS - 1), asset, status);
        }
    }

    /// Comes by every 40 seconds.
    fn crawler(&mut self) {
        let crawler = Visitor {
            client: "192.0.2.66",
            referrer: "-",
            agent: CRAWLER,
        };
        for at in (0..SPAN_MS).step_by(40_000) {
            let path = self.random.pick(&PAGES);
            self.line(&crawler, at, path, 200);
        }
    }

    /// Tries known holes for two minutes.
    fn scanner(&mut self) {
        let scanner = Visitor {
            client: "203.0.113.77",
            referrer: "-",
            agent: SCANNER,
        };
        let begin = SPAN_MS / 3;
        for (i, at) in (begin..begin + 120_000).step_by(2_000).enumerate() {
            let path = format!("{}?{i}", PROBES[i % PROBES.len()]);
            self.line(&scanner, at, &path, 404);
        }
    }

    fn broken(&mut self) {
        for line in BROKEN {
            let at = self.random.below(SPAN_MS);
            self.lines.push((at, line.to_owned()));
        }
    }

    fn line(&mut self, visitor: &Visitor<'_>, at: u64, path: &str, status: u16) {
        let Visitor {
            client,
            referrer,
            agent,
        } = visitor;
        let moment = Timestamp::from_millisecond(self.start_ms + at as i64)
            .expect("the traffic lies in the years that jiff knows");
        let moment = moment.strftime("%d/%b/%Y:%H:%M:%S +0000");
        let bytes = match status {
            301 | 304 => "-".to_owned(),
            200 => (300 + self.random.below(40_000)).to_string(),
            _ => (150 + self.random.below(300)).to_string(),
        };
        let line = format!(
            "{client} - - [{moment}] \"GET {path} HTTP/1.1\" {status} {bytes} \"{referrer}\" \"{agent}\""
        );
        self.lines.push((at, line));
    }
}

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(seed: u64, count: usize) -> Vec<String> {
        let end = "2026-01-02T12:00:00Z".parse().unwrap();
        generate(seed, end, count)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_lines() {
        assert_eq!(lines(7, 2_000), lines(7, 2_000));
        assert_ne!(lines(7, 2_000), lines(8, 2_000));
    }

    #[test]
    fn gives_as_many_lines_as_were_asked_for() {
        for count in [0, 1, 100, 5_000] {
            assert_eq!(lines(1, count).len(), count);
        }
    }

    #[test]
    fn holds_what_the_functions_look_for() {
        let lines = lines(1, 10_000);
        let with = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
        assert_eq!(with("203.0.113.77"), 60);
        assert!(with("\" 503 ") > 20, "{}", with("\" 503 "));
        assert!(with("\" 404 ") > 100);
        assert_eq!(
            lines
                .iter()
                .filter(|line| !line.contains("HTTP/1.1\" ") || !line.contains('['))
                .count(),
            4
        );
        assert!(lines[0].contains("02/Jan/2026:10:0"), "{}", lines[0]);
    }
}

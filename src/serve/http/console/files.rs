//! The table of the console's files, out of `dashboards/console/`.

/// One file.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its name beneath `/assets/`.
    pub name: &'static str,
    /// Its media type.
    pub media: &'static str,
    /// What it is.
    pub bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal: $media:expr),* $(,)?) => {
        /// Every file. The page is also what `/` gives.
        pub const FILES: &[File] = &[
            $(File { name: $name, media: $media, bytes: include_bytes!(concat!("../../../../dashboards/console/", $name)) }),*
        ];
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

files! {
    "api.js": SCRIPT,
    "attack.js": SCRIPT,
    "chart.js": SCRIPT,
    "dom.js": SCRIPT,
    "event.js": SCRIPT,
    "events.js": SCRIPT,
    "filters.js": SCRIPT,
    "grid.js": SCRIPT,
    "icon.svg": IMAGE,
    "index.html": HTML,
    "integrity.js": SCRIPT,
    "list.js": SCRIPT,
    "live.js": SCRIPT,
    "main.js": SCRIPT,
    "replay.js": SCRIPT,
    "screen.js": SCRIPT,
    "session.js": SCRIPT,
    "sessions.js": SCRIPT,
    "sql.js": SCRIPT,
    "style.css": CSS,
    "timeline.js": SCRIPT,
    "who.js": SCRIPT,
    "windows.js": SCRIPT,
}

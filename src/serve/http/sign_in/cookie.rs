//! The cookie: how it is set and found, and when a request that it lets in may be the doing of another page.

use std::time::Duration;

use axum::http::{HeaderMap, Method, header};

/// Name of the cookie.
const NAME: &str = "agentsh_session";

/// What a page must add to a request: a page of another origin cannot without being given permission, and none is.
const OWN_REQUEST: &str = "x-agentsh-request";

/// `Set-Cookie`. `Strict`: no link of another site begins with somebody signed in.
pub(super) fn set_cookie(value: &str, lifetime: Duration, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", lifetime.as_secs())
}

/// The values of our cookie. There may be several: a page of this machine on another port can set one of the same name.
pub(in crate::serve::http) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value)
}

/// Whether the browser reached us through TLS. Ours is plain HTTP: whoever ends TLS in front of it says so, and a page's origin does. A lie
/// makes a cookie that its own teller does not get back.
pub(super) fn is_behind_tls(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text("x-forwarded-proto").eq_ignore_ascii_case("https") || (is_same_origin(headers) && text("origin").starts_with("https://"))
}

/// Whether a request that a cookie lets in may change something for a page that is not ours.
pub(in crate::serve::http) fn is_forged(method: &Method, headers: &HeaderMap) -> bool {
    !method.is_safe() && !is_same_origin(headers) && headers.get(OWN_REQUEST).is_none_or(|value| value != "1")
}

/// Whether `Origin` is what `Host` names. Another port is another origin, though browsers send it our cookie.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

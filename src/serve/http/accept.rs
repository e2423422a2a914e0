//! Which of the forms of an answer a client wants (RFC 9110 §12.5.1).

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;

/// The form that the client likes best among those that there are; of equal ones the first, which is also for who says nothing.
pub(in crate::serve::http) fn negotiate(headers: &HeaderMap, there_is: &[&'static str]) -> Result<&'static str, Problem> {
    let mut ranges: Vec<(String, u16)> = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        let text = value.to_str().map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "Accept: it is no text"))?;
        ranges.extend(text.split(',').filter_map(range));
    }
    if ranges.is_empty() {
        ranges.push(("*/*".to_owned(), 1000));
    }
    let mut best: Option<(&'static str, u16)> = None;
    for media in there_is {
        let quality = quality(media, &ranges);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((media, quality));
        }
    }
    let refused = || Problem::new(StatusCode::NOT_ACCEPTABLE, format_args!("Accept: there is {}", there_is.join(", ")));
    best.map(|(media, _)| media).ok_or_else(refused)
}

/// A media range and its weight in thousandths.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| !media.is_empty())?.to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight)))?;
    // At most 1000.
    Some((media, (weight * 1000.0) as u16))
}

/// The weight of the range that is nearest to the type.
fn quality(media: &str, ranges: &[(String, u16)]) -> u16 {
    let family = media.split('/').next().unwrap_or_default();
    let rank = |range: &str| match range {
        range if range == media => 3,
        range if range.strip_suffix("/*") == Some(family) => 2,
        "*/*" => 1,
        _ => 0,
    };
    let nearest = ranges.iter().filter(|(range, _)| rank(range) > 0).max_by_key(|(range, weight)| (rank(range), *weight));
    nearest.map_or(0, |(_, weight)| *weight)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_range_and_then_the_weight_decides() {
        let there_is = ["application/json", "text/csv"];
        let check = |accept: &str, wanted: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(negotiate(&headers, &there_is).ok(), wanted, "{accept}");
        };
        check("", Some("application/json"));
        check("*/*", Some("application/json"));
        check("text/csv, */*;q=0.1", Some("text/csv"));
        check("text/*", Some("text/csv"));
        check("application/json;q=0.2, text/csv;q=0.9", Some("text/csv"));
        check("application/json;q=0, */*", Some("text/csv"));
        check("image/png", None);
    }
}

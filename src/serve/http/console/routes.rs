//! The routes `/` and `/assets/…`.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::files::{FILES, File};
use crate::serve::http::Problem;
use crate::serve::http::etag::{Keep, tagged};

/// Nothing but the server's own files and answers; no frame, no form, no plugin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The console's files.
pub fn console_routes() -> OpenApiRouter {
    OpenApiRouter::default().routes(routes!(page)).routes(routes!(asset))
}

/// The web console.
#[utoipa::path(get, path = "/", tag = "console", responses(
    (status = 200, description = "The console's page.", content_type = "text/html", body = String),
    (status = 304, description = "It is the one that the client has."),
))]
async fn page(headers: HeaderMap) -> Response {
    served(&headers, "index.html")
}

/// A file of the web console.
#[utoipa::path(get, path = "/assets/{name}", tag = "console", params(("name" = String, Path, description = "Its name.")), responses(
    (status = 200, description = "The file.", content_type = "text/javascript", body = String),
    (status = 304, description = "It is the one that the client has."),
    (status = 404, description = "There is no such file.", body = Problem, content_type = "application/problem+json"),
))]
async fn asset(headers: HeaderMap, Path(name): Path<String>) -> Response {
    served(&headers, &name)
}

fn served(headers: &HeaderMap, name: &str) -> Response {
    let Some(File { media, bytes, .. }) = FILES.iter().find(|file| file.name == name) else {
        return Problem::new(StatusCode::NOT_FOUND, "the console has no such file").into_response();
    };
    let policies = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    (policies, tagged(headers, media, bytes.to_vec(), Keep::Revalidate)).into_response()
}

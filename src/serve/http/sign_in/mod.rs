//! Signing in from a browser: a key is shown once, and a cookie that no script can read stands for it from then on.

mod cookie;
mod routes;

pub(super) use cookie::{cookies, is_forged};
pub(super) use routes::sign_in_routes;

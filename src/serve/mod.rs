//! SHOW: the HTTP service.

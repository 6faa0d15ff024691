//! What people see of a running proxy.

pub mod redact;

pub mod patch;

pub mod api;

pub mod http;

pub mod page;

pub mod admin;

pub mod args;

pub mod admin_client;

pub mod tap;

pub mod top;

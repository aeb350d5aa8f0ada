//! Enemies of the host: bytes that are no requests, requests that are no good, modules and functions
//! that mean harm. Each is turned away by name, and everybody else is served meanwhile.

mod connection;
mod functions;
mod modules;
mod names;
mod requests;
mod wire;

//! What users do, from the first stream to a DAG over real input, by the means that they have.

mod access;
mod aggregates;
mod backup;
mod cli;
mod curl;
mod dag;
mod demand;
mod demo;
mod events;
mod failures;
mod filters;
mod functions;
mod host;
mod ingest;
mod logs;
mod settings;
mod triggers;

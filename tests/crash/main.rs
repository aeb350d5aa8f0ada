//! What is durable stays: through kill -9, SIGTERM, a full disk, and directories that are not as left.

mod channels;
mod dag;
mod directory;
mod disk;
mod kill;
mod load;
mod parts;
mod queue;
mod shutdown;

//! What must hold of the sources themselves: who may import whom, and the shape of a file.

mod crates;
mod files;

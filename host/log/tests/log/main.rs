//! The log's promises, tested over its public interface; one file a promise.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod commit;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod full;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod model;
#[cfg(test)]
mod open;
#[cfg(test)]
mod read;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod room;
#[cfg(test)]
mod world;

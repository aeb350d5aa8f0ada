//! Memory and tables of one call: what they may grow to, over all of its core instances.

use wasmtime::ResourceLimiter;

use crate::guest::Hit;

#[derive(Debug)]
pub(crate) struct Growth {
    memory: Resource,
    tables: Resource,
}

#[derive(Debug)]
struct Resource {
    limit: &'static str,
    unit: &'static str,
    most: usize,
    now: usize,
    peak: usize,
    refused: Option<usize>,
}

impl Growth {
    pub(crate) fn new(memory_bytes: usize, table_elements: usize) -> Self {
        let resource = |limit, unit, most| Resource {
            limit,
            unit,
            most,
            now: 0,
            peak: 0,
            refused: None,
        };
        Self {
            memory: resource("memory_bytes", "bytes of memory", memory_bytes),
            tables: resource("table_elements", "table elements", table_elements),
        }
    }

    /// The most memory that there was at a time.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory.peak as u64
    }

    /// The limit that a growth was refused for, if one was. A guest may have coped with that, so it
    /// counts only where the call failed.
    pub(crate) fn refused(&self) -> Option<Hit> {
        self.memory.hit().or_else(|| self.tables.hit())
    }
}

impl Resource {
    fn grow(&mut self, current: usize, desired: usize, own_maximum: Option<usize>) -> bool {
        // What the module itself forbids is not a limit of ours.
        if own_maximum.is_some_and(|maximum| desired > maximum) && desired <= self.most {
            return false;
        }
        let wanted = self.now - current + desired;
        if wanted > self.most {
            self.refused = Some(wanted);
            return false;
        }
        self.now = wanted;
        self.peak = self.peak.max(wanted);
        true
    }

    fn hit(&self) -> Option<Hit> {
        let Self {
            limit, unit, most, ..
        } = *self;
        let message = format!("{} {unit} wanted, {most} are allowed", self.refused?);
        Some(Hit { limit, message })
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.memory.grow(current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.tables.grow(current, desired, maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_count_together_and_a_refusal_is_named() {
        let mut growth = Growth::new(100, 10);
        assert!(growth.memory_growing(0, 40, None).unwrap());
        assert!(growth.memory_growing(0, 40, None).unwrap());
        assert!(growth.refused().is_none());
        assert!(!growth.memory_growing(40, 61, None).unwrap());
        assert!(growth.memory_growing(40, 60, None).unwrap());
        assert_eq!(growth.peak_memory(), 100);
        let hit = growth.refused().unwrap();
        assert_eq!(hit.limit, "memory_bytes");
        assert_eq!(hit.message, "101 bytes of memory wanted, 100 are allowed");
    }

    #[test]
    fn what_the_module_itself_forbids_is_no_limit_of_ours() {
        let mut growth = Growth::new(100, 10);
        assert!(growth.table_growing(0, 1, Some(4)).unwrap());
        assert!(!growth.table_growing(1, 5, Some(4)).unwrap());
        assert!(growth.refused().is_none());
        assert!(!growth.table_growing(1, 11, Some(4)).unwrap());
        assert_eq!(growth.refused().unwrap().limit, "table_elements");
    }
}

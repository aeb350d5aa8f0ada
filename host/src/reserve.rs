//! Reserved concurrency: no more calls of a function at once than its reservation allows.
//!
//! Whoever comes beyond it is told to come again, which is no attempt for a batch. Trying a function
//! out takes nothing of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use millstream_core::{
    name::FunctionName,
    port::{Call, Control, EventCall, EventInvoked, Invoke, InvokeError, Invoked, Later},
};

/// [`Invoke`] within the functions' reservations.
#[derive(Debug)]
pub(crate) struct Reserved {
    invoke: Arc<dyn Invoke>,
    /// Where the reservations stand. The control plane is made after what it controls.
    control: OnceLock<Weak<dyn Control>>,
    running: Arc<Running>,
}

/// How many calls of each function that has a reservation run.
#[derive(Debug, Default)]
struct Running(Mutex<BTreeMap<FunctionName, u32>>);

/// A call's place, until it is dropped.
#[derive(Debug)]
struct Place {
    running: Arc<Running>,
    function: FunctionName,
}

impl Reserved {
    pub(crate) fn new(invoke: Arc<dyn Invoke>) -> Arc<Self> {
        Arc::new(Self {
            invoke,
            control: OnceLock::new(),
            running: Arc::default(),
        })
    }

    /// Looks for reservations there from now on.
    pub(crate) fn follow(&self, control: &Arc<dyn Control>) {
        // A second one would be the same.
        let _ = self.control.set(Arc::downgrade(control));
    }

    /// A place for a call; nothing where the function has no reservation.
    fn place(&self, function: &FunctionName) -> Result<Option<Place>, InvokeError> {
        let control = self.control.get().and_then(Weak::upgrade);
        let reserved = control.and_then(|control| {
            let catalog = control.catalog();
            catalog.function(function.as_str())?.concurrency
        });
        let Some(reserved) = reserved else {
            return Ok(None);
        };
        let mut running = self.running.lock();
        let count = running.entry(function.clone()).or_default();
        if *count >= reserved {
            return Err(InvokeError::Throttled);
        }
        *count += 1;
        drop(running);
        Ok(Some(Place {
            running: Arc::clone(&self.running),
            function: function.clone(),
        }))
    }
}

impl Running {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<FunctionName, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        if let Some(count) = running.get_mut(&self.function) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.function);
            }
        }
    }
}

impl Invoke for Reserved {
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        match self.place(&call.function) {
            Ok(place) => within(place, self.invoke.call(call)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn dry_run(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        self.invoke.dry_run(call)
    }

    fn event(&self, call: EventCall) -> Later<'static, Result<EventInvoked, InvokeError>> {
        match self.place(&call.function) {
            Ok(place) => within(place, self.invoke.event(call)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

fn within<T: 'static>(place: Option<Place>, call: Later<'static, T>) -> Later<'static, T> {
    // What has no reservation pays nothing for those of others.
    let Some(place) = place else {
        return call;
    };
    Box::pin(async move {
        let _place = place;
        call.await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserved() -> Reserved {
        #[derive(Debug)]
        struct Never;
        impl Invoke for Never {
            fn call(&self, _call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
                Box::pin(std::future::pending())
            }
        }
        Reserved {
            invoke: Arc::new(Never),
            control: OnceLock::new(),
            running: Arc::default(),
        }
    }

    #[test]
    fn a_place_is_given_back() {
        let reserved = reserved();
        let function: FunctionName = "f".try_into().unwrap();
        let running = || reserved.running.lock().get("f").copied();
        reserved.running.lock().insert(function.clone(), 2);
        let place = |function: &FunctionName| Place {
            running: Arc::clone(&reserved.running),
            function: function.clone(),
        };
        let (one, other) = (place(&function), place(&function));
        drop(one);
        assert_eq!(running(), Some(1));
        drop(other);
        assert_eq!(running(), None);
    }

    #[test]
    fn a_function_without_a_reservation_takes_no_place() {
        let reserved = reserved();
        let place = reserved.place(&"f".try_into().unwrap()).unwrap();
        assert!(place.is_none());
    }
}

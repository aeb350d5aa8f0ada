//! Going back: what a function was before, and what a rollback makes of it.

use std::sync::Arc;

use super::{Function, change::FunctionRefused};
use crate::time::Millis;

/// What a function can go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its number, where it is a published version.
    pub number: Option<u64>,
    /// How it was.
    pub function: Arc<Function>,
}

impl Function {
    /// What a rollback goes back to: the published version `to`. Where none is named, the upload
    /// before the present one; where that is not known, the newest published version that is called
    /// in another way.
    ///
    /// # Errors
    /// When there is no such version, or when going back would change nothing.
    pub fn earlier(&self, to: Option<u64>) -> Result<Earlier, FunctionRefused> {
        if let Some(number) = to {
            let version = self.published.get(&number);
            let version = version.ok_or(FunctionRefused::NoVersion(number))?;
            if version.runs_like(self) {
                return Err(FunctionRefused::AlreadyAt(number));
            }
            return Ok(Earlier {
                number: Some(number),
                function: Arc::clone(version),
            });
        }
        let before = self.previous.iter().map(|before| {
            let mut published = self.published.iter();
            let number = published.find(|(_, version)| version.version == before.version);
            (number.map(|(number, _)| *number), before)
        });
        let newest_first = self.published.iter().rev();
        let mut all = before.chain(newest_first.map(|(number, version)| (Some(*number), version)));
        let found = all.find(|(_, earlier)| !earlier.runs_like(self));
        let (number, function) = found.ok_or(FunctionRefused::NothingEarlier)?;
        Ok(Earlier {
            number,
            function: Arc::clone(function),
        })
    }

    /// This function once it is as `earlier` was; what it is now is what it was before then.
    pub(super) fn rolled_back(&self, earlier: &Self, revision: u64, now: Millis) -> Self {
        Self {
            version: revision,
            module: earlier.module.clone(),
            limits: earlier.limits,
            config: earlier.config.clone(),
            details: earlier.details.clone(),
            updated: now,
            revision,
            previous: Some(Arc::new(self.frozen())),
            ..self.clone()
        }
    }

    /// What this function was before, where an upload makes of it what `after` is.
    pub(super) fn before(&self, after: &Self) -> Option<Arc<Self>> {
        if self.runs_like(after) {
            self.previous.clone()
        } else {
            Some(Arc::new(self.frozen()))
        }
    }

    /// Whether the same module runs in the same way.
    fn runs_like(&self, other: &Self) -> bool {
        self.module.hash == other.module.hash
            && self.limits == other.limits
            && self.config == other.config
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        catalog::{
            Catalog, Refused, Request, Rules,
            function::{
                Details,
                change::{self, Change, Upload},
            },
        },
        port::{Limits, ModuleInfo},
    };

    /// The catalog after a change of `f`, and the keys of modules that it stores and removes.
    fn decide(catalog: &Catalog, change: Change) -> Result<(Catalog, Vec<String>), Refused> {
        let request = change::Request {
            name: "f".try_into().unwrap(),
            expected: None,
            change,
        };
        let rules = Rules {
            shard_limit: 1,
            change_ms: 0,
        };
        let decided = catalog.decide(Request::Function(request), Millis(1), &rules)?;
        let puts = decided.commit.puts.iter().filter(|put| put.value.is_none());
        let removed = puts.map(|put| String::from_utf8_lossy(&put.key).into_owned());
        Ok((decided.catalog.clone(), removed.collect()))
    }

    fn upload(code: &str) -> Box<Upload> {
        Box::new(Upload {
            module: ModuleInfo {
                hash: code.into(),
                size: 1,
                world: "handler".into(),
                imports: vec![],
            },
            wasm: Bytes::from_static(b"x"),
            limits: Limits::default(),
            config: [("code".to_owned(), code.to_owned())].into(),
            details: Details::default(),
        })
    }

    fn code(code: &str, publish: bool) -> Change {
        let upload = upload(code);
        Change::Code { upload, publish }
    }

    fn back(to: Option<u64>) -> Change {
        Change::Rollback { to }
    }

    fn created() -> Catalog {
        let change = Change::Create {
            upload: upload("a"),
            tags: Default::default(),
            publish: false,
        };
        decide(&Catalog::default(), change).unwrap().0
    }

    fn runs(catalog: &Catalog) -> (&str, &str) {
        let function = catalog.function("f").unwrap();
        (&function.module.hash, &function.config["code"])
    }

    fn refused(catalog: &Catalog, to: Option<u64>) -> FunctionRefused {
        match decide(catalog, back(to)) {
            Err(Refused::Function(refused)) => refused,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_rollback_goes_to_the_upload_before_and_a_second_one_undoes_it() {
        let catalog = created();
        assert_eq!(refused(&catalog, None), FunctionRefused::NothingEarlier);
        let (catalog, removed) = decide(&catalog, code("b", false)).unwrap();
        // What may come back is kept.
        assert!(removed.is_empty(), "{removed:?}");
        let version = catalog.function("f").unwrap().version;
        let (catalog, _) = decide(&catalog, back(None)).unwrap();
        assert_eq!(runs(&catalog), ("a", "a"));
        assert!(catalog.function("f").unwrap().version > version);
        let (catalog, _) = decide(&catalog, back(None)).unwrap();
        assert_eq!(runs(&catalog), ("b", "b"));
        let (catalog, removed) = decide(&catalog, code("c", false)).unwrap();
        assert_eq!(removed.len(), 1, "{removed:?}");
        assert!(removed[0].ends_with('a'), "{removed:?}");
        // The same once more is no other upload.
        let (catalog, _) = decide(&catalog, code("c", false)).unwrap();
        let (catalog, _) = decide(&catalog, back(None)).unwrap();
        assert_eq!(runs(&catalog), ("b", "b"));
    }

    #[test]
    fn a_rollback_goes_to_a_published_version_that_is_named() {
        let (catalog, _) = decide(&created(), code("b", true)).unwrap();
        let (catalog, _) = decide(&catalog, code("c", true)).unwrap();
        let (catalog, _) = decide(&catalog, code("d", false)).unwrap();
        let earlier = |to| catalog.function("f").unwrap().earlier(to).unwrap();
        assert_eq!(earlier(None).number, Some(2));
        assert_eq!(earlier(Some(1)).function.module.hash, "b");
        let (back_at_1, _) = decide(&catalog, back(Some(1))).unwrap();
        assert_eq!(runs(&back_at_1), ("b", "b"));
        assert_eq!(refused(&back_at_1, Some(1)), FunctionRefused::AlreadyAt(1));
        assert_eq!(refused(&back_at_1, Some(9)), FunctionRefused::NoVersion(9));
        // Versions stay as they are.
        let published = |catalog: &Catalog| catalog.function("f").unwrap().published.clone();
        assert_eq!(published(&back_at_1), published(&catalog));
    }

    #[test]
    fn where_no_upload_is_known_the_newest_other_version_is_it() {
        let (catalog, _) = decide(&created(), code("b", true)).unwrap();
        let (catalog, _) = decide(&catalog, code("c", true)).unwrap();
        let mut function = Function::clone(catalog.function("f").unwrap());
        function.previous = None;
        let earlier = function.earlier(None).unwrap();
        assert_eq!(
            (earlier.number, &*earlier.function.module.hash),
            (Some(1), "b")
        );
    }
}

//! What may be done with channels, on catalogs in memory.

use super::*;
use crate::catalog::{NewStream, Rules, change};

const MINUTE: u64 = 60_000;
const NOW: Millis = Millis(1_000_000);

fn name(text: &str) -> ChannelName {
    text.try_into().unwrap()
}

fn stream(text: &str) -> StreamName {
    text.try_into().unwrap()
}

fn bucket(name: &str) -> Bucket {
    Bucket {
        arn: format!("arn:aws:s3:::{name}"),
        owner: "123456789012".to_owned(),
    }
}

fn new(of: &str) -> NewChannel {
    NewChannel {
        stream: stream(of),
        format: RecordFormat::Json,
        schema: None,
        role: "arn:aws:iam::123456789012:role/r".to_owned(),
        bucket: bucket("records"),
        template: None,
        storage_class: StorageClass::default(),
        compression: Compression::Gzip,
        freshness_seconds: None,
        dead_letters: None,
        error_prefix: None,
        encryption_key: None,
        logging: LoggingUpdate::default(),
        tags: Tags::new(),
        starts: BTreeMap::new(),
    }
}

fn create(of: NewChannel) -> Request {
    Request::Create {
        name: name("archive"),
        new: Box::new(of),
    }
}

/// With the on-demand stream `clicks` and the provisioned one `orders`.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (name, mode) in [
        ("clicks", StreamMode::OnDemand),
        ("orders", StreamMode::Provisioned),
    ] {
        let settings = NewStream {
            mode,
            ..NewStream::of(1)
        };
        let name = stream(name);
        let request = change::Request::CreateStream { name, settings };
        let change = catalog.decide(request, NOW, &Rules::default());
        catalog = change.unwrap().catalog;
    }
    catalog
}

fn decide(catalog: &Catalog, request: Request, now: Millis) -> Result<Catalog, Refused> {
    let change = catalog.change_channel(request, now, MINUTE)?;
    // What is stored is what is shown.
    for put in &change.commit.puts {
        if let (Some(CatalogKey::Channel(name)), Some(value)) =
            (CatalogKey::parse(&put.key), &put.value)
        {
            let stored: Channel = serde_json::from_slice(value).unwrap();
            assert_eq!(
                change.catalog.channel(name.as_str()).unwrap().as_ref(),
                &stored
            );
        }
    }
    Ok(change.catalog)
}

#[test]
fn what_is_not_said_is_as_amazon_has_it() {
    let catalog = decide(&catalog(), create(new("clicks")), NOW).unwrap();
    let channel = catalog.channel("archive").unwrap();
    let id = channel.public_id();
    assert!(id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let settings = &channel.settings;
    let destination = &settings.destination;
    assert_eq!(destination.template.as_str(), key_template::DEFAULT);
    assert_eq!(destination.freshness_seconds, 300);
    assert_eq!(destination.dead_letters.bucket, destination.bucket);
    let errors = format!("kinesis-channel/errors/archive/{id}/");
    assert_eq!(destination.dead_letters.prefix, errors);
    assert_eq!(settings.logging.group, format!("/aws/kinesis/archive/{id}"));
    assert!(!settings.logging.enabled);
    assert_eq!(channel.status(NOW), Status::Creating);
    assert_eq!(channel.status(NOW.plus(MINUTE)), Status::Active);
}

#[test]
fn refuses_what_cannot_be_delivered() {
    let with = |change: fn(&mut NewChannel)| {
        let mut new = new("clicks");
        change(&mut new);
        decide(&catalog(), create(new), NOW).unwrap_err()
    };
    let refused = with(|new| new.stream = stream("none"));
    assert_eq!(refused, Refused::NoStream(stream("none")));
    let refused = with(|new| new.stream = stream("orders"));
    assert_eq!(refused, Refused::NotOnDemand(stream("orders")));
    assert_eq!(
        with(|new| new.freshness_seconds = Some(299)),
        Refused::Freshness(299)
    );
    assert_eq!(
        with(|new| new.freshness_seconds = Some(-1)),
        Refused::Freshness(-1)
    );
    let refused = with(|new| new.template = Some("fixed".to_owned()));
    assert_eq!(refused, Refused::Template(KeyTemplateError::NoVariable));
    let refused = with(|new| new.error_prefix = Some("../".to_owned()));
    assert_eq!(refused, Refused::ObjectKey(ObjectKeyError::Traversal));
}

#[test]
fn a_name_is_free_again_once_its_channel_is_gone() {
    let made = decide(&catalog(), create(new("clicks")), NOW).unwrap();
    let again = decide(&made, create(new("clicks")), NOW);
    assert_eq!(again.unwrap_err(), Refused::Exists(name("archive")));
    let delete = || Request::Delete {
        name: name("archive"),
    };
    let deleted = decide(&made, delete(), NOW).unwrap();
    assert!(deleted.channel("archive").unwrap().is_deleted());
    let of_stream = stream("clicks");
    assert_eq!(deleted.channels_of(&of_stream).count(), 0);
    assert!(decide(&deleted, create(new("clicks")), NOW).is_err());
    let later = NOW.plus(MINUTE);
    let refused = decide(&deleted, delete(), later).unwrap_err();
    assert_eq!(refused, Refused::NoChannel(name("archive")));
    let anew = decide(&deleted, create(new("clicks")), later).unwrap();
    let ids = |catalog: &Catalog| {
        let channel = catalog.channel("archive").unwrap();
        (channel.id, channel.public_id())
    };
    assert_ne!(ids(&anew), ids(&made));
    let forget = Request::Forget {
        name: name("archive"),
    };
    assert!(decide(&deleted, forget.clone(), NOW).is_err());
    let forgotten = decide(&deleted, forget, later).unwrap();
    assert!(forgotten.channel("archive").is_none());
}

#[test]
fn only_freshness_and_logging_change() {
    let made = decide(&catalog(), create(new("clicks")), NOW).unwrap();
    let update = |freshness: Option<i64>| Request::Update {
        name: name("archive"),
        update: Update {
            freshness_seconds: freshness,
            logging: LoggingUpdate {
                enabled: Some(true),
                ..LoggingUpdate::default()
            },
        },
    };
    let busy = decide(&made, update(Some(900)), NOW).unwrap_err();
    assert!(matches!(busy, Refused::NotActive { .. }), "{busy:?}");
    let later = NOW.plus(MINUTE);
    let refused = decide(&made, update(Some(901)), later).unwrap_err();
    assert_eq!(refused, Refused::Freshness(901));
    let updated = decide(&made, update(Some(900)), later).unwrap();
    let (before, after) = (
        made.channel("archive").unwrap(),
        updated.channel("archive").unwrap(),
    );
    assert_eq!(after.status(later), Status::Updating);
    assert_eq!(after.settings.destination.freshness_seconds, 900);
    let (was, is) = (&before.settings.logging, &after.settings.logging);
    assert_eq!((is.enabled, &is.group), (true, &was.group));
}

#[test]
fn a_region_has_its_own_names_and_its_own_limit() {
    let mut catalog = catalog();
    for number in 0..limit::CHANNELS {
        let name = name(&format!("c{number}"));
        let new = Box::new(new("clicks"));
        catalog = decide(&catalog, Request::Create { name, new }, NOW).unwrap();
    }
    let full = decide(&catalog, create(new("clicks")), NOW);
    assert_eq!(full.unwrap_err(), Refused::TooMany);
    let there = ChannelName::within(Some("eu-west-1"), "archive").unwrap();
    let new = Box::new(new("clicks"));
    assert!(decide(&catalog, Request::Create { name: there, new }, NOW).is_ok());
}

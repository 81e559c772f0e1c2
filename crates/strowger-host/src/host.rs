//! Loading: from bytes to a service that can run.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Config, Engine};
use wit_component::ComponentEncoder;

use crate::aside::{aside, patience};
use crate::bindings::exports::strowger::service::service::Setup;
use crate::bindings::{Loadable, LoadablePre};
use crate::cache::Cache;
use crate::clock::{self, Versions};
use crate::digest::Digest;
use crate::error::{HostError, LoadError};
use crate::figures::Meter;
use crate::limits::Limits;
use crate::service::LoadedService;
use crate::signer::{self, Signer};
use crate::state::State;

/// Stack that a guest may use, in bytes. The threads of the shards have 2 MiB.
const STACK_BYTES: usize = 512 << 10;
/// The interface that a service exports.
const SERVICE: &str = "strowger:service/service@0.1.0";
/// What is in it.
const FUNCTIONS: [&str; 10] = [
    "[constructor]instance",
    "[method]instance.handle",
    "[method]instance.save",
    "[static]instance.restore",
    "key",
    "has-keys",
    "hears-completed",
    "takes-http",
    "http-key",
    "check-config",
];
/// How long an Ed25519 signature is.
const SIGNATURE_BYTES: u64 = 64;
/// How a component begins.
const MAGIC: &[u8] = b"\0asm";
/// Where it says whether it is a module or a component.
const LAYER: usize = 6;
const LAYER_OF_COMPONENTS: u8 = 1;

/// What the host is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How large a component may be, in bytes. Default 32 MiB.
    pub component_bytes: u64,
    /// Where compiled components are kept: a directory that is ours alone, made if there is none. `None`, the default:
    /// each is compiled anew.
    pub cache: Option<PathBuf>,
    /// Whose components are loaded: each needs the signature of one of them. Empty, the default: any.
    pub signers: Vec<Signer>,
    /// Limits of the messages that instances send.
    pub messages: jsip::Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            component_bytes: 32 << 20,
            cache: None,
            signers: Vec::new(),
            messages: jsip::Limits::default(),
        }
    }
}

/// Loads services from WebAssembly components.
pub struct Host {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    settings: Settings,
    versions: Versions,
}

impl Host {
    /// Makes a host. A thread of its own keeps the time of its guests and ends with it and the last service loaded.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn new(settings: Settings) -> Result<Self, HostError> {
        let engine = engine().map_err(|error| HostError::Engine(error.to_string()))?;
        let mut linker = Linker::new(&engine);
        Loadable::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)
            .map_err(|error| HostError::Engine(error.to_string()))?;
        let cache = match &settings.cache {
            Some(directory) => Some(Cache::open(directory.clone(), &engine)?),
            None => None,
        };
        let versions = Versions::default();
        clock::start(&engine, Arc::clone(&versions)).map_err(HostError::Ticker)?;
        Ok(Self {
            engine,
            linker,
            cache,
            settings,
            versions,
        })
    }

    /// Loads a service from a file. See [`Host::load_signed`]: where signatures are demanded, it is in a file beside it,
    /// whose name has `.sig` added.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load_file(&self, path: &Path, limits: Limits) -> Result<LoadedService, LoadError> {
        // One byte more than allowed shows that there is more; a file may grow while it is read.
        let bytes = read(path, self.settings.component_bytes + 1).map_err(LoadError::Unreadable)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".sig");
        let signature = match read(Path::new(&name), SIGNATURE_BYTES + 1) {
            Ok(signature) => Some(signature),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(LoadError::Unreadable(error)),
        };
        self.load_signed(&bytes, signature.as_deref(), limits)
    }

    /// Loads a service without a signature. See [`Host::load_signed`].
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(&self, bytes: &[u8], limits: Limits) -> Result<LoadedService, LoadError> {
        self.load_signed(bytes, None, limits)
    }

    /// Loads a service: checks its signature where one is demanded (Ed25519, 64 bytes, of all of the component),
    /// validates the component, compiles it or takes it from the cache, and sees whether it can make an instance. A module
    /// that was built with `strowger-component` is taken as the component that it stands for. Takes from milliseconds to
    /// seconds and blocks: never call it on a shard's thread.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load_signed(
        &self,
        bytes: &[u8],
        signature: Option<&[u8]>,
        limits: Limits,
    ) -> Result<LoadedService, LoadError> {
        self.load_metered(bytes, signature, limits, &Meter::default())
    }

    /// Loads a service whose figures go on from what this meter tells: the same version once more, say. See
    /// [`Host::load_signed`].
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load_metered(
        &self,
        bytes: &[u8],
        signature: Option<&[u8]>,
        limits: Limits,
        meter: &Meter,
    ) -> Result<LoadedService, LoadError> {
        let (size, limit) = (bytes.len() as u64, self.settings.component_bytes);
        if size > limit {
            return Err(LoadError::TooLarge { bytes: size, limit });
        }
        signer::check(&self.settings.signers, bytes, signature)?;
        if !bytes.starts_with(MAGIC) {
            return Err(LoadError::NotWebAssembly);
        }
        let digest = Digest::of(bytes);
        let component = self.compile(bytes, digest)?;
        let pre = self.join(&component)?;
        let service = LoadedService::new(pre, digest, limits, self.settings.messages, meter.clone());
        let setup = Setup {
            seed: (0, 0),
            surroundings: 0,
        };
        if let Err(error) = service.check(setup) {
            return Err(LoadError::StartCheck(error.to_string()));
        }
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.push(service.weak());
        drop(versions);
        Ok(service)
    }

    fn compile(&self, bytes: &[u8], digest: Digest) -> Result<Component, LoadError> {
        let kept = self
            .cache
            .as_ref()
            .and_then(|cache| cache.get(&self.engine, digest));
        if let Some(component) = kept {
            return Ok(component);
        }
        let (engine, bytes) = (self.engine.clone(), bytes.to_owned());
        let component = aside(patience(bytes.len()), move || {
            let component = match bytes.get(LAYER) {
                Some(&LAYER_OF_COMPONENTS) => Component::from_binary(&engine, &bytes),
                _ => Component::from_binary(&engine, &componentize(&bytes)?),
            };
            component.map_err(|error| LoadError::Invalid(error.root_cause().to_string()))
        })?;
        if let Some(cache) = &self.cache {
            // Without it, the next start takes a little longer.
            let _ = cache.put(digest, &component);
        }
        Ok(component)
    }

    /// Joins a component with what it imports, and finds what it has to export.
    fn join(&self, component: &Component) -> Result<LoadablePre<State>, LoadError> {
        let foreign = component
            .component_type()
            .imports(&self.engine)
            .map(|(name, _)| name.to_owned())
            .find(|name| !name.starts_with("strowger:service/"));
        if let Some(name) = foreign {
            return Err(LoadError::Import(name));
        }
        let pre: InstancePre<State> = self
            .linker
            .instantiate_pre(component)
            .map_err(|error| LoadError::OtherWorld(format!("{error:#}")))?;
        if let Some(missing) = missing(component, &self.engine) {
            return Err(LoadError::Missing(missing));
        }
        LoadablePre::new(pre).map_err(|error| LoadError::OtherWorld(format!("{error:#}")))
    }
}

/// The component that a module stands for: what it imports and exports is written in it.
fn componentize(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let encoder = ComponentEncoder::default().module(module);
    let component = encoder.and_then(|encoder| encoder.validate(true).encode());
    component.map_err(|error| LoadError::Module(error.root_cause().to_string()))
}

/// So many bytes of a file at most.
fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first thing that a service must have and the component has not.
fn missing(component: &Component, engine: &Engine) -> Option<String> {
    let Some((_, ComponentItem::ComponentInstance(interface))) = component
        .component_type()
        .exports(engine)
        .map(|(name, item)| (name, item.ty))
        .find(|(name, _)| *name == SERVICE)
    else {
        return Some(SERVICE.to_owned());
    };
    let has = |wanted: &str| interface.exports(engine).any(|(name, _)| name == wanted);
    FUNCTIONS
        .iter()
        .find(|function| !has(function))
        .map(|function| format!("{SERVICE}#{function}"))
}

fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .generate_address_map(false);
    Engine::new(&config)
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

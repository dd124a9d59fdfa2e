//! Names of files.

/// What a file is: also part of its first bytes, so that none is taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Name {
    /// The facts of one commit.
    Told(u64),
    /// Likenesses' bodies, written with this commit.
    Bodies(u64, u32),
    /// Buckets of the full snapshot up to this commit.
    Part(u64, u32),
    /// The full snapshot up to this commit.
    Manifest(u64),
}

impl Name {
    /// The commit that it was written with or that it goes up to.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Told(number) | Self::Bodies(number, _) | Self::Part(number, _) | Self::Manifest(number) => number,
        }
    }

    /// What the checksums of its frames start from.
    pub(super) fn seed(self) -> u64 {
        let (kind, index) = match self {
            Self::Told(_) => (1, 0),
            Self::Bodies(_, index) => (2, index),
            Self::Part(_, index) => (3, index),
            Self::Manifest(_) => (4, 0),
        };
        (self.number() << 24) ^ (u64::from(index) << 3) ^ kind
    }

    /// `None` for files that are none of ours.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut pieces = name.strip_suffix(".snap")?.split('-');
        let (kind, number) = (pieces.next()?, pieces.next()?.parse().ok()?);
        let index = pieces.next().map(str::parse).transpose().ok()?;
        let parsed = match (kind, index) {
            ("told", None) => Self::Told(number),
            ("bodies", Some(index)) => Self::Bodies(number, index),
            ("part", Some(index)) => Self::Part(number, index),
            ("manifest", None) => Self::Manifest(number),
            _ => return None,
        };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Told(number) => write!(f, "told-{number:016}.snap"),
            Self::Bodies(number, index) => write!(f, "bodies-{number:016}-{index:05}.snap"),
            Self::Part(number, index) => write!(f, "part-{number:016}-{index:05}.snap"),
            Self::Manifest(number) => write!(f, "manifest-{number:016}.snap"),
        }
    }
}

//! The eight classes, with their numbers and the captions of their activities.

/// A class of OCSF 1.8.0 that events are mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// File System Activity.
    File,
    /// Process Activity.
    Process,
    /// Detection Finding.
    Finding,
    /// Network Activity.
    Network,
    /// HTTP Activity.
    Http,
    /// DNS Activity.
    Dns,
    /// Registry Key Activity, of the extension `win`.
    RegistryKey,
    /// Registry Value Activity, of the extension `win`.
    RegistryValue,
}

/// How a kind comes to its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The kind has this class.
    To(Class),
    /// The event is about an operation and has the class and the activity of that.
    OfOperation,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 8] = [
        Class::File,
        Class::Process,
        Class::Finding,
        Class::Network,
        Class::Http,
        Class::Dns,
        Class::RegistryKey,
        Class::RegistryValue,
    ];

    /// `class_uid`.
    #[must_use]
    pub const fn uid(self) -> u32 {
        match self {
            Class::File => 1_001,
            Class::Process => 1_007,
            Class::Finding => 2_004,
            Class::Network => 4_001,
            Class::Http => 4_002,
            Class::Dns => 4_003,
            Class::RegistryKey => 201_001,
            Class::RegistryValue => 201_002,
        }
    }

    /// `class_name`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::File => "File System Activity",
            Class::Process => "Process Activity",
            Class::Finding => "Detection Finding",
            Class::Network => "Network Activity",
            Class::Http => "HTTP Activity",
            Class::Dns => "DNS Activity",
            Class::RegistryKey => "Registry Key Activity",
            Class::RegistryValue => "Registry Value Activity",
        }
    }

    /// `category_uid` and `category_name`.
    #[must_use]
    pub const fn category(self) -> (u8, &'static str) {
        match self {
            Class::File | Class::Process | Class::RegistryKey | Class::RegistryValue => (1, "System Activity"),
            Class::Finding => (2, "Findings"),
            Class::Network | Class::Http | Class::Dns => (4, "Network Activity"),
        }
    }

    /// Whether the class belongs to the extension `win`.
    #[must_use]
    pub const fn is_windows(self) -> bool {
        matches!(self, Class::RegistryKey | Class::RegistryValue)
    }

    /// The caption of an `activity_id`; `Other` for what the class does not name.
    #[must_use]
    pub fn activity_name(self, activity: u8) -> &'static str {
        let names: &[&str] = match self {
            Class::File => &[
                "Unknown",
                "Create",
                "Read",
                "Update",
                "Delete",
                "Rename",
                "Set Attributes",
                "Set Security",
                "Get Attributes",
                "Get Security",
                "Encrypt",
                "Decrypt",
                "Mount",
                "Unmount",
                "Open",
            ],
            Class::Process => &["Unknown", "Launch", "Terminate", "Open", "Inject", "Set User ID"],
            Class::Finding => &["Unknown", "Create", "Update", "Close"],
            Class::Network => &["Unknown", "Open", "Close", "Reset", "Fail", "Refuse", "Traffic", "Listen"],
            Class::Http => &["Unknown", "Connect", "Delete", "Get", "Head", "Options", "Post", "Put", "Trace", "Patch"],
            Class::Dns => match activity {
                0..=2 => &["Unknown", "Query", "Response"],
                6 => return "Traffic",
                _ => return "Other",
            },
            Class::RegistryKey => {
                &["Unknown", "Create", "Read", "Modify", "Delete", "Rename", "Open", "Restore", "Import", "Export"]
            }
            Class::RegistryValue => &["Unknown", "Get", "Set", "Modify", "Delete"],
        };
        names.get(usize::from(activity)).copied().unwrap_or("Other")
    }
}

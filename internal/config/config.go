// Package config reads php-fpm style pool files into typed structs.
//
// It follows php-fpm's INI rules (fpm_conf.c, Zend's INI scanner in NORMAL
// mode) wherever they differ from those of other INI readers, reports every
// fault of every file at once, and knows nothing of sockets or processes.
package config

import "time"

// A Config is a whole configuration after validation: every default is filled
// in and every path is absolute.
type Config struct {
	// Path is the configuration file, or empty for a built-in configuration.
	Path   string
	Global Global
	// Pools are in the order of their first section.
	Pools []*Pool
}

// Global holds the [global] section (php-fpm.conf's "Global Options").
type Global struct {
	PID                       string
	ErrorLog                  string // "syslog" means syslog, empty standard error
	SyslogIdent               string
	SyslogFacility            int    // a syslog facility already shifted, as LOG_DAEMON = 24
	LogLevel                  string // debug, notice, warning, error or alert
	LogLevelSet               bool   // false when the file does not name log_level
	LogLimit                  int    // bytes
	LogBuffering              bool
	EmergencyRestartThreshold int
	EmergencyRestartInterval  time.Duration
	// ProcessControlTimeout is how long a graceful stop waits before it
	// escalates; negative when the file does not set it, which means "as long
	// as requests take".
	ProcessControlTimeout time.Duration
	ProcessMax            int // workers over all pools; 0 is no limit
	ProcessPriority       *int
	Daemonize             bool
	RlimitFiles           int
	RlimitCore            int // -1 is unlimited
	EventsMechanism       string
	SystemdInterval       time.Duration

	// ControlListen is the path of the unix socket of anyfpm status, reload
	// and stop; empty disables it.
	ControlListen string
	// MetricsListen is the address of the Prometheus endpoint, or empty.
	MetricsListen string
	MetricsPath   string
	// DrainDelay is how long a stopping service still accepts after QUIT or TERM.
	DrainDelay time.Duration

	// SystemdWatchdog says that systemd wants a sign of life every
	// SystemdInterval (WATCHDOG_USEC).
	SystemdWatchdog bool

	given given
}

// A PM is a process manager: how many workers a pool keeps.
type PM string

// The process managers of php-fpm.
const (
	Static   PM = "static"
	Dynamic  PM = "dynamic"
	Ondemand PM = "ondemand"
)

// A RunnerKind names what the workers of a pool are.
type RunnerKind string

// The runners.
const (
	RunnerCGI     RunnerKind = "cgi"
	RunnerFastCGI RunnerKind = "fastcgi"
	RunnerPHP     RunnerKind = "php"
	RunnerPython  RunnerKind = "python"
	RunnerPerl    RunnerKind = "perl"
	RunnerRuby    RunnerKind = "ruby"
	RunnerWSGI    RunnerKind = "wsgi"
)

// A KeyValue is one entry of a list directive such as env[NAME] = VALUE, in
// the order of the file.
type KeyValue struct {
	Key, Value string
}

// A Pool holds one pool section. Sizes are bytes.
type Pool struct {
	Name string
	File string // where the section begins
	Line int

	Prefix string
	User   string
	Group  string

	Listen               string // as written: host:port, port or unix path
	ListenProtocol       string // fastcgi or http
	ListenBacklog        int    // -1 is the system's limit
	ListenOwner          string
	ListenGroup          string
	ListenMode           string // octal digits, empty when unset
	ListenACLUsers       string
	ListenACLGroups      string
	ListenAllowedClients []string // nil allows all
	ListenSetFIB         int      // FreeBSD only: kept, without effect
	// HTTPListen is a second door, HTTP, beside Listen; empty for none.
	HTTPListen string
	// HTTPRoot is the document root of the pool's HTTP door.
	HTTPRoot string
	// HTTPIndex are the names tried for a directory, in order.
	HTTPIndex []string

	ProcessPriority *int
	ProcessDumpable bool

	PM                   PM
	MaxChildren          int
	StartServers         int
	MinSpareServers      int
	MaxSpareServers      int
	MaxSpawnRate         int
	ProcessIdleTimeout   time.Duration
	MaxRequests          int
	MaxRequestsJitter    float64 // a fraction: 0.1 is 10%
	MaxMemory            int64   // PSS; 0 is no limit
	MaxLifetime          time.Duration
	StatusPath           string
	StatusListen         string
	PingPath             string
	PingResponse         string
	AccessLog            string
	AccessFormat         string
	AccessSuppressPath   []string
	Slowlog              string
	SlowlogFormat        string // php-fpm or json
	SlowlogTimeout       time.Duration
	SlowlogTraceDepth    int
	SlowlogRepeat        int
	TerminateTimeout     time.Duration
	TerminateTrackFinish bool
	RlimitFiles          int
	RlimitCore           int
	Chroot               string
	Chdir                string
	CatchWorkersOutput   bool
	DecorateOutput       bool
	ClearEnv             bool
	// LimitExtensions is security.limit_extensions; empty allows all.
	LimitExtensions []string
	ApparmorHat     string
	Env             []KeyValue // $NAME values already resolved; first definition wins
	PHPValues       []KeyValue // php_value and php_flag
	PHPAdminValues  []KeyValue // php_admin_value and php_admin_flag
	PHPArguments    []string   // Options.PHPArguments
	// PHPScanDir is a further directory with php.ini files; see package phpini.
	PHPScanDir string

	Runner            RunnerKind
	RunnerCommand     []string
	RunnerIsolation   string // fork or persistent
	RunnerPreload     []string
	RunnerApplication string
	RunnerPath        []string
	RunnerConcurrency int
	RunnerStartTime   time.Duration // runner.start_timeout

	QueueMaxLength int
	QueueTimeout   time.Duration

	BodyMemory    int64 // request_body.memory
	BodySpool     int64 // request_body.spool
	BodyStreaming bool  // request_body.streaming
	// OnClientAbort is what happens to a running request whose client went
	// away: ignore or terminate.
	OnClientAbort string

	// Credential is who the workers run as; nil when nothing is to be changed
	// because the master is not root or the pool names nobody.
	Credential *Credential

	given given
}

// A Credential is a resolved user and group.
type Credential struct {
	UID, GID uint32
	// Groups are the user's supplementary groups.
	Groups []uint32
	// User and Home are for the environment of workers; empty for a user that
	// is configured by number, as in php-fpm.
	User, Home string
}

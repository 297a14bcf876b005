# A compiled script: one sub in a package of its own.
package Anyfpm::Script;

use strict;
use warnings;
use B ();
use Time::HiRes ();

my %cache;    # by path
my %owner;    # the path of the script that declares a package, by its name
my $limit  = 1000;
my $serial = 0;
my $warn   = $^W;    # of runner.command
my $again;    # whether the script that is being compiled was before

# load returns the script at a path, and whether a zygote should know it. It
# dies of what is wrong with the script.
sub load {
    my ($path) = @_;
    my $script = $cache{$path};
    my $known  = $script && $script->{signature} eq signature($path);
    my $whole  = $known && owns($path, @{ $script->{packages} });
    return ($script, 0) if $whole and !($script->{used}++ and $script->{once});
    $again = defined $script;
    forget($path);
    forget($_) for keys %cache >= $limit ? keys %cache : ();
    $script = compile($path);
    $script->{used} = 1;
    $cache{$path} = $script;
    return ($script, !$known && !$script->{late} && !$script->{uses_lib});
}

# preload compiles a script before the process that will run it is forked.
# What is wrong with it is told to its clients.
sub preload {
    my ($path) = @_;
    my $source = eval { slurp($path) } // return;
    return if is_late($source) or uses_lib($source) or !owns($path, packages($source));
    chdir directory($path) or return;
    $0 = $path;
    my ($script) = eval { load($path) };
    $script->{used} = 0 if $script;
    Anyfpm::Libraries::end($script) if $script;
    if (Anyfpm::Stdio::straighten()) {
        forget($path);    # what it does to them is for the process that runs it
    }
    Anyfpm::State::set_environment();    # a module may have changed it, for all children
    Anyfpm::Stdio::flush();              # what a module has printed is in no response
    Anyfpm::Carp::end();
}

# forget frees the script at a path.
sub forget {
    my $script = delete $cache{ $_[0] };
    Anyfpm::Package::free($script->{package}) if $script;
}

# signature is what changes when a file does.
sub signature { join ',', (Time::HiRes::stat $_[0])[9, 7, 1] }

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die qq(Can't open perl script "$path": $!\n);
    local $/;
    return scalar <$file>;
}

# is_late tells whether a script must be compiled for each request: it has
# BEGIN blocks of its own, which may depend on it, or formats, which can be
# those of STDOUT, and thus not in its package.
sub is_late { scalar($_[0] =~ /^\s*BEGIN\s*\{|^format\b.*=[ \t\r]*$/m) }

# uses_lib tells whether a script has modules of its own. A zygote must not
# load them: they may change, and another script have some of the same names.
sub uses_lib { scalar($_[0] =~ /\buse\s+lib\b/) }

# packages returns the names of the packages that a script declares.
sub packages { $_[0] =~ /\bpackage\s+([A-Za-z_][\w:]*)\s*[;{]/g }

# owns tells whether packages are as the script at a path has declared them,
# and not as another that has some of the same names.
sub owns {
    my ($path, @packages) = @_;
    return !grep { ($owner{$_} // $path) ne $path } @packages;
}

# directory is where a script lies.
sub directory { substr $_[0], 0, rindex($_[0], '/') || 1 }

sub compile {
    my ($path) = @_;
    my $signature = signature($path);
    my $source    = slurp($path);
    Anyfpm::Libraries::compiling($path, $source);
    $source =~ s/\A\xEF\xBB\xBF//;    # a byte order mark, which perl skips in files only
    my $package   = join '_', substr($path =~ s{.*/}{}r, 0, 100) =~ s/\W/_/gr, ++$serial;
    my $self      = bless {
        path => $path, signature => $signature, package => $package,
        late => is_late($source), uses_lib => uses_lib($source),
    };
    $self->{packages} = [packages($source)];
    $again ||= !owns($path, @{ $self->{packages} });
    @owner{ @{ $self->{packages} } } = ($path) x @{ $self->{packages} };
    $self->{warn} = $source =~ /\A#!\S*perl\S*[^\n]*\s-\w*[wW]/ ? 1 : $warn;
    my $inner = () = $source =~ /<<~?["']?__(?:END|DATA)__\b/g;    # these end here-documents
    $self->{data} = $2 // ''
        if $source =~ s/\A((?:.*?^\s*__(?:END|DATA)__$){$inner}.*?)^__(?:END|DATA)__\b[^\n]*(?:\n(.*))?\z/$1/ms;
    # Its last line may be in a here-document: then it has begun none.
    my @pod = $source =~ /^=([a-zA-Z]\w*)/mg;
    $source .= "\n=pod\n\n=cut\n" if @pod and $pod[-1] ne 'cut';
    my $file = $path =~ s/["\n]/_/gr;

    my $ends  = @{ ends() };
    my $inc   = join "\0", @INC;
    local @INC = @INC;
    my ($error, $number) = do {
        local ($^W, $@) = ($self->{warn}, '');
        local @SIG{qw(__WARN__ __DIE__)} = (\&warning);
        no warnings 'once';
        ($!, $?) = (0, 0);
        local *CORE::GLOBAL::die if Anyfpm::Carp::hidden();
        Anyfpm::evaluate(qq(package Anyfpm::Script::$package; sub __anyfpm {\n#line 1 "$file"\n$source\n}));
        $self->{warn_hook} = $SIG{__WARN__} if $SIG{__WARN__} != \&warning;
        $self->{die_hook}  = $SIG{__DIE__};
        ($@, $! + 0);
    };
    # "use open" changes STDOUT when it is compiled.
    $self->{late} ||= Anyfpm::Stdio::is_changed();
    # What the script's "use" statements have set is true for each run of it.
    $self->{inc} = [@INC] if join("\0", @INC) ne $inc;
    Anyfpm::Libraries::compiled($self);
    $self->{end} = take_ends(@{ ends() } - $ends, $file);
    if ($error ne '') {
        eval { Anyfpm::Carp::fail($self, $error); 1 } or $error = $@;
        Anyfpm::Package::free($package);
        $! = $number;    # the exit status, if there is one
        die $error;
    }

    no strict 'refs';
    $self->{code}      = \&{"Anyfpm::Script::$package\::__anyfpm"};
    $self->{once}      = $self->{late} || $source =~ /\bstate\s*[\$\@%(]/ || captured($self->{code});
    $self->{variables} = Anyfpm::Package::variables($package);
    return $self;
}

# warning passes on what perl says of a script.
sub warning {
    no warnings 'utf8';
    print STDERR Anyfpm::Messages::plain($_[0]) if !is_ours($_[0]);
}

# is_ours tells whether a warning is of what only compiling a script in a sub,
# and more than once, brings about.
sub is_ours {
    my ($text) = @_;
    return 1 if $text =~ /^Variable "[^"]+" will not stay shared/ or $text =~ /^Format \S+ redefined/;
    return $again && $text =~ /^(?:Constant )?[Ss]ubroutine \S+ redefined/;
}

# ends is the interpreter's list of END blocks, the newest first.
sub ends {
    my $list = B::end_av();
    return $list->isa('B::SPECIAL') ? [] : $list->object_2svref;
}

# take_ends takes the END blocks of a file from the first so many of the
# list. Those of modules stay, for the end of the process.
sub take_ends {
    my ($count, $file) = @_;
    my $list = ends();
    my @taken;
    for my $i (reverse 0 .. $count - 1) {
        next if B::svref_2object(\$list->[$i])->FILE ne $file;
        unshift @taken, \$list->[$i];
        splice @$list, $i, 1;
    }
    return \@taken;
}

# captured tells whether a named sub of the script uses a lexical variable of
# its file. It would see that of the first run for ever, so such a script is
# compiled for every run.
sub captured {
    my ($code) = @_;
    my ($names, $values) = map { [ $_->ARRAY ] } (B::svref_2object($code)->PADLIST->ARRAY)[ 0, 1 ];
    for my $i (1 .. $#$names) {
        my ($name, $value) = ($names->[$i], $values->[$i]);
        next if $value->isa('B::SPECIAL') or !$name->can('PV') or ($name->PV // '') !~ /^[\$\@%]./;
        return 1 if $value->REFCNT > 1;
    }
    return 0;
}

# reset gives the script's variables their first values and closes its files.
sub reset { Anyfpm::Package::reset($_[0]{variables}) }

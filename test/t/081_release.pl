# What a release says of itself: one version everywhere, META.json as PGXN's
# specification (1.0.0) wants it, Debian's control of the one template.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

sub content_of
{
	my ($path) = @_;

	open my $file, '<:raw', $path or die "$path: $!\n";
	local $/;
	return scalar readline $file;
}

sub found_in
{
	my ($path, $pattern) = @_;

	return content_of($path) =~ $pattern ? $1 : undef;
}

# ---- one version ----

my $version = found_in('src/base/version.h', qr/MP_VERSION "([\d.]+)"/);
my ($short) = $version =~ /^(\d+\.\d+)\.\d+$/;

is(found_in('Makefile', qr/^DISTVERSION = (.*)$/m), $version,
	'the Makefile\'s DISTVERSION is the source\'s');
is(found_in('Makefile', qr/^EXTVERSION = (.*)$/m), $short,
	'the Makefile\'s EXTVERSION');
is(found_in('mixpanel_sa_fdw.control', qr/^default_version = '(.*)'$/m),
	$short, 'the control file\'s default version');
is(found_in('debian/changelog', qr/^[\w-]+ \((.*)-[^-]+\)/),
	$version, 'the newest entry of debian/changelog');
is(found_in('CHANGELOG.md', qr/^## (?!Unreleased)(\S+)/m),
	$version, 'the newest entry of CHANGELOG.md');

# An install script may be reached by updates of another; 1.0 is the first.
my ($data) = content_of('Makefile') =~ /^DATA = ((?:.*\\\n)*.*)$/m;
my @scripts = sort split /[\s\\]+/, $data;

is_deeply(\@scripts, [ sort glob('sql/*--*.sql') ],
	'each install and update script is installed');

# ---- META.json ----

my $meta = JSON::PP->new->utf8->decode(content_of('META.json'));
my $semantic = qr/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)$/;
my %is_known = map { $_ => 1 } qw(abstract description generated_by license
  maintainer meta-spec name no_index prereqs provides release_status resources
  tags version);

foreach my $key (qw(name version abstract maintainer license))
{
	ok(defined $meta->{$key} && !ref $meta->{$key} && $meta->{$key} ne '',
		"META.json: $key");
}
is_deeply([ grep { !$is_known{$_} && !/^[xX]_/ } sort keys %$meta ],
	[], 'META.json has only keys of the specification');
like($meta->{name}, qr/^[^\/\\\s\x00-\x1f]{2,}$/, 'a name');
is($meta->{version}, $version, 'the version of META.json');
is($meta->{license}, 'postgresql', 'its license');
is_deeply($meta->{'meta-spec'},
	{ version => '1.0.0', url => 'https://pgxn.org/meta/spec.txt' },
	'its specification');
like($meta->{release_status}, qr/^(?:stable|testing|unstable)$/,
	'its release status');
ok( ref $meta->{tags} eq 'ARRAY'
	  && !grep({ ref $_ || length > 255 || m![/\\]! } @{ $meta->{tags} }),
	'its tags');
is_deeply([ keys %{ $meta->{provides} } ],
	['mixpanel_sa_fdw'], 'it provides the extension');
foreach my $provided (values %{ $meta->{provides} })
{
	like($provided->{version}, $semantic, 'what is provided has a version');
	is($provided->{version}, $version, 'which is the release\'s');
	ok(-f $provided->{$_}, "its $_ is there: $provided->{$_}")
	  foreach qw(file docfile);
	like($provided->{file}, qr/--\Q$short\E\.sql$/,
		'its file makes the default version');
}
is($meta->{prereqs}{runtime}{requires}{PostgreSQL},
	'15.0.0', 'it requires PostgreSQL 15');
foreach my $phase (values %{ $meta->{prereqs} })
{
	foreach my $needed (values %$phase)
	{
		like($_, qr/^(?:0|[\d.]+)$/, 'a version that is required')
		  foreach values %$needed;
	}
}

# ---- debian ----

my $control = content_of('debian/control');
my ($made_for) = $control =~ /^Package: postgresql-(\d+)-mixpanel-sa-fdw$/m;

is($control, content_of('debian/control.in') =~ s/PGVERSION/$made_for/gr,
	'debian/control is made from debian/control.in');
is(found_in('debian/copyright', qr/^Copyright: (.*)$/m),
	found_in('LICENSE', qr/^Copyright \(c\) (.*)$/m) =~ s/,//r,
	'debian/copyright names the holders that LICENSE names');

# Debian's form: a space before each line, a dot for an empty one.
my ($words) = content_of('debian/copyright') =~ /^License: PostgreSQL\n (.*)/ms;

is($words =~ s/^ //gmr =~ s/^\.$//gmr,
	found_in('LICENSE', qr/^(Permission.*)/ms), 'and its words');

# ---- who answers ----

# One place, which says that it is a placeholder as long as it is one.
my ($maintainer, $mail) = content_of('MAINTAINER') =~ /\A((?:.*) <(.*)>)$/m
  or die "MAINTAINER begins with no name and address\n";

is($meta->{maintainer}, $maintainer, 'META.json names the maintainer');
is(found_in('debian/control.in', qr/^Maintainer: (.*)$/m),
	$maintainer, 'and debian/control.in');
is(found_in('debian/changelog', qr/^ -- (.*?>)/m),
	$maintainer, 'and the newest entry of debian/changelog');
is( content_of('MAINTAINER') =~ /placeholder/ ? 'placeholder' : 'address',
	$mail =~ /[@.]example\.org$/ ? 'placeholder' : 'address',
	'MAINTAINER says whether it is a placeholder');
my $has_contact = content_of('debian/copyright') =~ /^Upstream-Contact:/m;
is($has_contact ? 'address' : 'placeholder',
	$mail =~ /[@.]example\.org$/ ? 'placeholder' : 'address',
	'and debian/copyright has a contact where there is one');

# ---- pictures ----

is(content_of('doc/benchmark.svg'),
	scalar `test/bench/chart <doc/performance.md`,
	'the picture of the benchmark is that of the table; else run '
	  . 'test/bench/chart <doc/performance.md >doc/benchmark.svg');

done_testing();

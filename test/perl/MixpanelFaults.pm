# What can go wrong on the way to the API and back, and what the interface says
# about it: the table of faults, and the rules from a call and a fault to an
# SQLSTATE and a number of requests.
#
# The rules are written from the documentation, not from the code that is
# tested.  Owns the foreign servers and the sessions that a matrix of calls and
# faults runs on: each call has a session of its own, so that all calls meet
# one fault at the same time.
package MixpanelFaults;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use MixpanelSimulator;
use MixpanelTest;
use POSIX qw(strftime);

our @EXPORT_OK = qw(faults is_for_all is_sent_again may_be_done sqlstate);

# Tries of one request: max_retries and the first.
use constant TRIES => 3;

my $true = JSON::PP::true;

# Kept connections would make the number of requests depend on which of them a
# request goes out on; those have tests of their own.
my %closing = (Connection => 'close');

# ---- the table ----

# Each fault:
#	name
#	ends	how the attempt ends for who asked: lost, timeout, status, no JSON,
#			error body, nothing (204), whole (well)
#	done	is a write carried out nevertheless?
#	how		the simulator's fault; a sub gets the call, whose `answer` is what
#			the API answers with
#	status, wait	of "status": the status, and what Retry-After says: now,
#			soon, long (more than max_retry_wait), none
#	slow	it takes a timeout to end
sub faults
{
	my ($soon) = @_;
	my $html = '<html><body><h1>Sorry</h1></body></html>';
	my @page = (body => $html, content_type => 'text/html');

	return map { as_fault(@{$_}) } (
		[ 'reset before the request is processed', 'lost', 0,
			{ reset => 'before' } ],
		[ 'reset after it', 'lost', 1, { reset => 'after' } ],
		[ 'reset in mid-body', 'lost', 1, with_answer(reset => 'mid') ],
		[ 'closed before the request is processed', 'lost', 0,
			{ close => 'before' } ],
		[ 'closed after it', 'lost', 1, { close => 'after' } ],
		[ 'headers without their body', 'lost', 1, with_answer(cut => 0) ],
		[ 'truncated body with a length', 'lost', 1,
			with_answer(cut => \&half) ],
		[ 'truncated chunked body', 'lost', 1,
			with_answer(cut_chunked => \&half) ],
		[ 'chunked body without its end', 'lost', 1,
			with_answer(cut_chunked => \&whole) ],
		[ 'complete JSON in a truncated body', 'lost', 1,
			with_answer(cut => \&whole, padding => 20) ],
		[ 'complete JSON in a truncated chunked body', 'lost', 1,
			with_answer(cut_chunked => \&whole, padding => 20) ],
		[ 'body in drops', 'whole', 1, { drip_ms => 1 } ],
		[ 'body in small chunks', 'whole', 1, { chunk => 7 } ],
		[ 'silence before it is processed', 'timeout', 0,
			{ hang => 'headers' }, slow => 1 ],
		[ 'silence in place of headers', 'timeout', 1,
			{ hang => 'headers', after => $true }, slow => 1 ],
		[ 'silence after the headers', 'timeout', 1,
			{ hang => 'body', body => ' ', after => $true }, slow => 1 ],
		[ 'silence in mid-body', 'timeout', 1, with_answer(hang => 'body'),
			slow => 1 ],
		status_faults($soon),
		[ 'HTML page with status 502', 'status', 0,
			{ status => 502, @page }, status => 502 ],
		[ 'HTML page with status 403', 'status', 0,
			{ status => 403, @page }, status => 403 ],
		[ 'HTML page with status 200', 'no JSON', 0, {@page} ],
		[ 'HTML page after all', 'no JSON', 1, { @page, after => $true } ],
		[ 'error body with status 200', 'error body', 0,
			{ body => { status => 'error', error => 'no' } } ],
		[ 'status 204', 'nothing', 1, { status => 204, after => $true } ]);
}

sub status_faults
{
	my ($soon) = @_;
	my @waits = (
		[ undef, 'none' ],
		[ '0', 'now' ],
		[ 'Mon, 01 Jan 2024 00:00:00 GMT', 'now' ],
		[ '3600', 'long' ],
		[ 'Thu, 31 Dec 2099 23:59:59 GMT', 'long' ],
		[ '99999999999999999999999999', 'long' ],
		[ '-5', 'none' ],
		[ 'tomorrow', 'none' ]);

	push @waits, [ '1', 'soon' ],
	  [ sub { strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time() + 1)) },
		'soon' ]
	  if $soon;
	return (
		(map { [ "status $_", 'status', 0, { status => $_ }, status => $_ ] }
			  400, 401, 403, 404, 405, 409, 422, 500, 502, 504),
		[ 'status 500 after all', 'status', 1,
			{ status => 500, after => $true }, status => 500 ],
		map { my $status = $_; map { waiting($status, @{$_}) } @waits }
		  429, 503);
}

sub waiting
{
	my ($status, $value, $wait) = @_;
	my $name = "status $status"
	  . (!defined $value ? ''
		: ', Retry-After: ' . (ref $value ? 'a date to come' : $value));

	return [ $name, 'status', 0,
		sub {
			return {
				status => $status,
				defined $value
				? (headers =>
					  { 'Retry-After' => ref $value ? $value->() : $value })
				: ()
			};
		},
		status => $status, wait => $wait ];
}

sub as_fault
{
	my ($name, $ends, $done, $how, %more) = @_;

	return { name => $name, ends => $ends, done => $done, how => $how,
		wait => 'none', %more };
}

# The API's own answer, always as a success, delivered in some way.
sub with_answer
{
	my ($delivery, $amount, %more) = @_;

	return sub {
		my ($call) = @_;
		my $body = $call->{answer};

		return {
			body => $body . ' ' x ($more{padding} // 0),
			content_type => 'application/json',
			after => $true,
			$delivery => ref $amount ? $amount->($body) : $amount
		};
	};
}

sub half { return int(length($_[0]) / 2); }
sub whole { return length $_[0]; }

# ---- the rules ----

# A call has a method and a kind: list, get, members (of an account or a
# project), me; create, delete, add, remove.

# Is a request that ended so sent again?  GET and DELETE are, a POST only where
# it was certainly not carried out.
sub is_sent_again
{
	my ($call, $fault) = @_;
	my $post = $call->{method} eq 'POST';

	return 1 if $fault->{ends} eq 'refused';
	return !$post if $fault->{ends} =~ /^(lost|timeout)$/;
	return 0 if $fault->{ends} ne 'status' || $fault->{wait} eq 'long';
	return 1 if $fault->{status} == 429;
	return !$post || $fault->{wait} ne 'none' if $fault->{status} == 503;
	return !$post && $fault->{status} =~ /^50[024]$/;
}

# Does it tell all requests to wait?
sub is_for_all
{
	my ($fault) = @_;
	my $status = $fault->{status} // 0;

	return $status == 429 || ($status == 503 && $fault->{wait} ne 'none');
}

# May a request that ended so have been carried out, for all that is known?
sub may_be_done
{
	my ($fault) = @_;

	return 1 if $fault->{ends} =~ /^(lost|timeout|no JSON|nothing)$/;
	return 0 if $fault->{ends} ne 'status';
	# a gateway's page says nothing about what was asked
	return 1 if $fault->{name} =~ /^HTML page/;
	return $fault->{wait} eq 'none' if $fault->{status} == 503;
	return $fault->{status} >= 500;
}

# The SQLSTATE where it was not sent again, or in vain; '' is no error.
sub sqlstate
{
	my ($call, $fault) = @_;
	my $kind = $call->{kind};
	my $read = $call->{method} eq 'GET';
	my %of_status = (400 => '22023', 401 => '28000', 403 => '42501',
		404 => 'HV00M', 409 => '23505', 422 => '22023', 429 => '53400');
	my %of_end = (refused => '08001', lost => '08006', timeout => '08006',
		'no JSON' => 'HV004', 'error body' => 'HV004', whole => '',
		nothing => $read ? 'HV004' : '');

	# an account without its secret is no success
	if ($kind eq 'create' && may_be_done($fault))
	{
		return $fault->{ends} =~ /^(no JSON|nothing)$/ ? 'HV004' : '08006';
	}
	return $of_end{ $fault->{ends} } if $fault->{ends} ne 'status';
	if ($fault->{status} == 404)
	{
		# a read shows that what was to be deleted is still there
		return '' if $kind eq 'get';
		return '23503' if $kind eq 'add';
	}
	return $of_status{ $fault->{status} } // 'HV00M';
}

# ---- servers and sessions ----

sub new
{
	my ($class, $test) = @_;

	return bless { test => $test, servers => [], sessions => {} }, $class;
}

# A foreign server to the simulator, with both tables in a schema of its name.
sub add_server
{
	my ($self, $name, %options) = @_;
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;
	my $test = $self->{test};
	my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;

	$test->rows(<<"SQL");
CREATE SERVER $name FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS ($list);
CREATE USER MAPPING FOR CURRENT_USER SERVER $name
	OPTIONS (username '$username', secret '$secret');
CREATE SCHEMA $name;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER $name INTO $name;
SQL
	push @{ $self->{servers} }, $name;
	return $self;
}

# Change options that all servers have.
sub set
{
	my ($self, %options) = @_;
	my $list = join ', ', map { "SET $_ '$options{$_}'" } sort keys %options;

	$self->{test}->rows(join '; ',
		map { "ALTER SERVER $_ OPTIONS ($list)" } @{ $self->{servers} });
	return $self;
}

# As if the API had never asked anybody to wait.
sub move
{
	my ($self) = @_;

	return $self->set(base_url => $self->{test}->simulator->another_url);
}

sub session
{
	my ($self, $call) = @_;

	return $self->{sessions}{ $call->{name} } //= $self->{test}->connect;
}

# New sessions, which know nothing of the servers' routes.
sub fresh
{
	my ($self) = @_;

	$_->quit foreach values %{ $self->{sessions} };
	$self->{sessions} = {};
	return $self;
}

# Run one statement of each call, all at the same time; `key` says which.
# Returns the results by the calls' names.
sub run
{
	my ($self, $key, @calls) = @_;

	$self->begin($key, @calls);
	return $self->end(@calls);
}

sub begin
{
	my ($self, $key, @calls) = @_;

	$self->session($_)->begin($_->{$key}) foreach @calls;
	return;
}

sub end
{
	my ($self, @calls) = @_;

	return { map { $_->{name} => $self->session($_)->end } @calls };
}

# The same by way of a relay.
sub run_through
{
	my ($self, $relay, $key, @calls) = @_;

	$self->begin($key, @calls);
	return $self->end_through($relay, @calls);
}

sub end_through
{
	my ($self, $relay, @calls) = @_;
	my @sessions = map { $self->session($_) } @calls;

	$relay->pump_while(sub { return grep { $_->is_busy } @sessions });
	return $self->end(@calls);
}

# Let each of the calls meet the fault, once or for ever.
sub cause
{
	my ($self, $fault, $count, @calls) = @_;
	my @faults;

	foreach my $call (@calls)
	{
		my $how = ref $fault->{how} eq 'CODE' ? $fault->{how}->($call)
		  : $fault->{how};

		push @faults, { %{$how}, method => $call->{method},
			path => "^$call->{path}(\\?.*)?\$", count => $count,
			headers => { %closing, %{ $how->{headers} // {} } } };
	}
	push @faults, { count => 0, headers => {%closing} };
	$self->{test}->simulator->control('POST', 'faults', \@faults);
	return;
}

# How often each call is in the simulator's log, by the calls' names.
sub sent
{
	my ($self, @calls) = @_;
	my $log = $self->{test}->simulator->log;

	return {
		map {
			my $call = $_;
			$call->{name} => scalar grep {
				$_->{method} eq $call->{method} && $_->{path} eq $call->{path}
			} @{$log}
		} @calls
	};
}

sub stop
{
	my ($self) = @_;

	$self->fresh;
	$self->{test}->stop;
	return;
}

1;

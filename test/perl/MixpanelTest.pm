# What the TAP tests share: a cluster with the extension, a simulator of the
# API behind its foreign server, and sessions that tell what went wrong.
#
# Owns cluster, simulator and sessions of one test file.  Knows nothing of what
# is tested.
package MixpanelTest;

use strict;
use warnings;

use JSON::PP ();
use MixpanelSession;
use MixpanelSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant WAIT_SECONDS => 30;

# Makes them.  The name is the cluster's; the rest are settings of the
# simulator, and:
#	encoding	of the databases, UTF8 if not given
#	config		lines of postgresql.conf
#	verify		whether additions of memberships are read back; 1 if not given
sub new
{
	my ($class, $name, %settings) = @_;
	my %own = map { $_ => delete $settings{$_} }
	  grep { exists $settings{$_} } qw(config encoding verify);
	my $self = bless {}, $class;

	$self->{simulator} = MixpanelSimulator->start(%settings);
	$self->{node} = PostgreSQL::Test::Cluster->new($name);
	$self->{node}->init(extra =>
		  [ '--locale=C', '--encoding=' . ($own{encoding} // 'UTF8') ]);
	$self->{node}->append_conf('postgresql.conf', $own{config})
	  if defined $own{config};
	$self->{node}->start;
	$self->rows(set_up_statements($self->{simulator}->base_url));
	$self->{verify} = $own{verify} // 1;
	$self->{options} = {
		base_url => $self->{simulator}->base_url,
		organization_id => 123,
	};
	$self->default_options;
	return $self;
}

# The options of the foreign server at first.
sub default_values
{
	my ($self) = @_;

	return {
		base_url => $self->{simulator}->base_url,
		organization_id => 123,
		$self->{verify} ? () : (membership_verify => 'false'),
	};
}

# The extension, server "mixpanel", the user's mapping, and both tables in
# schema "mp".
sub set_up_statements
{
	my ($base_url) = @_;
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;

	return <<"SQL";
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SERVER mixpanel FOREIGN DATA WRAPPER mixpanel_sa_fdw
	OPTIONS (base_url '$base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mixpanel
	OPTIONS (username '$username', secret '$secret');
CREATE SCHEMA mp;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mixpanel INTO mp;
SQL
}

sub simulator { return $_[0]->{simulator}; }
sub node { return $_[0]->{node}; }

# A session of its own.
sub connect
{
	my ($self, $database) = @_;

	return MixpanelSession->new(
		$self->{node}->connstr($database // 'postgres'));
}

# The session that the calls below use; made when it is first wanted.
sub session
{
	my ($self) = @_;

	return $self->{session} //= $self->connect;
}

# Forget that session and all that it knows; the next call makes another.
sub fresh
{
	my ($self) = @_;
	my $session = delete $self->{session};

	$session->quit if defined $session;
	return $self;
}

# Run statements; see MixpanelSession.
sub run { return $_[0]->session->run($_[1]); }
sub rows { return $_[0]->session->rows($_[1]); }
sub row_list { return split /\n/, $_[0]->session->rows($_[1]); }

# Set options of the foreign server; undef drops one.
sub options
{
	my ($self, %wanted) = @_;
	my @changes;

	foreach my $name (sort keys %wanted)
	{
		my $had = exists $self->{options}{$name};

		if (defined $wanted{$name})
		{
			(my $value = $wanted{$name}) =~ s/'/''/g;
			push @changes, ($had ? 'SET' : 'ADD') . " $name '$value'";
			$self->{options}{$name} = $wanted{$name};
		}
		elsif ($had)
		{
			push @changes, "DROP $name";
			delete $self->{options}{$name};
		}
	}
	$self->rows('ALTER SERVER mixpanel OPTIONS (' . join(', ', @changes) . ')')
	  if @changes;
	return $self;
}

# Back to those.
sub default_options
{
	my ($self) = @_;
	my %wanted = map { $_ => undef } keys %{ $self->{options} };

	return $self->options(%wanted, %{ $self->default_values });
}

# A new seed, no faults, no log, default options, and a fresh session.
sub start_over
{
	my ($self, %settings) = @_;

	$self->{simulator}->reset(%settings);
	$self->fresh;
	$self->default_options;
	return $self;
}

# As if the API had never asked anybody to wait.
sub move
{
	my ($self) = @_;

	return $self->options(base_url => $self->{simulator}->another_url);
}

# Run statements with an empty log; returns their result.  The log then holds
# what they have asked for.
sub logged
{
	my ($self, $sql) = @_;

	$self->{simulator}->clear_log;
	return $self->run($sql);
}

# The requests in the log as "METHOD path body -> status", in order of arrival;
# service-accounts calls of the organization have its prefix left out.
sub calls
{
	my ($self) = @_;
	my $json = JSON::PP->new->canonical->allow_nonref;
	my @calls;

	foreach my $entry (@{ $self->{simulator}->log })
	{
		my $call = "$entry->{method} " . MixpanelSimulator::target($entry);
		$call .= ' ' . $json->encode($entry->{body})
		  if defined $entry->{body};
		push @calls, $call . ' -> ' . ($entry->{status} // 'none');
	}
	return @calls;
}

# How many requests of a method are in the log.
sub count_of
{
	my ($self, $method, $path) = @_;

	return scalar grep {
		$_->{method} eq $method && (!defined $path || $_->{path} =~ $path)
	} @{ $self->{simulator}->log };
}

# Wait for a condition; false after WAIT_SECONDS.
sub wait_until
{
	my ($condition) = @_;
	my $end = time() + WAIT_SECONDS;

	until ($condition->())
	{
		return 0 if time() > $end;
		sleep 0.01;
	}
	return 1;
}

# An error in one line, without what changes from run to run.
sub describe
{
	my ($result) = @_;

	return 'no error' unless $result->{code};
	return join ' | ', map { "$_: $result->{$_}" }
	  grep { defined $result->{$_} } qw(code message detail hint);
}

# One test: does the error have this SQLSTATE, and its message, detail and hint
# match?  Shows what came instead.
sub error_is
{
	my ($result, $code, $name, %wanted) = @_;
	my $fine = $result->{code} eq $code;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $part (keys %wanted)
	{
		$fine &&= ($result->{$part} // '') =~ $wanted{$part};
	}
	return ok($fine, $name)
	  || diag("wanted $code"
		  . join('', map { ", $_ $wanted{$_}" } sort keys %wanted)
		  . "\n   got " . describe($result));
}

sub stop
{
	my ($self) = @_;

	$self->fresh;
	$self->{node}->stop;
	$self->{simulator}->stop;
	return;
}

1;

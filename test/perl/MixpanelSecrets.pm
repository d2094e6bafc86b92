# Looks for secrets in whatever anybody could read: as they are, percent-encoded,
# and in base64, behind whatever else.
#
# Knows nothing of the server and the simulator.
package MixpanelSecrets;

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);

# Of credentials, each "username:secret" or a secret alone.
sub new
{
	my ($class, @credentials) = @_;
	my $self = bless { names => {} }, $class;

	$self->add(@credentials);
	return $self;
}

sub add
{
	my ($self, @credentials) = @_;

	foreach my $one (@credentials)
	{
		my ($secret) = $one =~ /([^:]*)\z/;

		$self->{names}{$_} = $one foreach forms($one);
		$self->{names}{$_} = $one foreach forms($secret);
	}
	delete $self->{pattern};
	return $self;
}

# A text as it is, percent-encoded, and in base64 at each of three places: the
# digits that the text alone decides.
sub forms
{
	my ($text) = @_;
	my @forms = ($text, $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger);

	foreach my $lead (0 .. 2)
	{
		my $digits = encode_base64(("\0" x $lead) . $text, '');
		my $known = int(8 * ($lead + length $text) / 6);
		my $first = int((8 * $lead + 5) / 6);

		push @forms, substr $digits, $first, $known - $first;
	}
	return @forms;
}

# The credentials found in a text, by name.
sub found_in
{
	my ($self, $text) = @_;
	my %found;

	$self->{pattern} //= do
	{
		my $any = join '|', map { quotemeta } sort keys %{ $self->{names} };
		qr/($any)/;
	};
	$found{ $self->{names}{$1} }++ while $text =~ /$self->{pattern}/g;
	return sort keys %found;
}

# What stands around the first, for a diagnosis.
sub around
{
	my ($self, $text) = @_;

	return unless $self->found_in($text) && $text =~ /$self->{pattern}/;
	my $start = $-[0] > 200 ? $-[0] - 200 : 0;
	return substr $text, $start, 400;
}

1;

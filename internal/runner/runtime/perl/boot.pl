#line 2 "anyfpm/boot.pl"
# The first lines of every Perl worker.
BEGIN { require v5.26 }

# evaluate is here because the code that it evaluates must see no pragma and
# no lexical variable of the worker.
sub Anyfpm::evaluate { eval $_[0] }

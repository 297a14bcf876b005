# The first lines of every Ruby worker. They run on any Ruby, so that one that
# is too old says so.
if (RUBY_VERSION.split(".").map { |part| part.to_i } <=> [2, 7]) < 0
  abort "anyfpm: Ruby 2.7 or newer is needed, this is #{RUBY_VERSION}"
end

# Anyfpm.finish_request is what the worker offers to scripts.
module Anyfpm
end

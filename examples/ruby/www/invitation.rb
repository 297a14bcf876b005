#!/usr/bin/env ruby
# A form and what it makes, from one template: an ordinary CGI script.
require "cgi/escape"
require "erb"
require "time"
require "uri"

form = {}
if ENV["REQUEST_METHOD"] == "POST"
  body = $stdin.read(ENV["CONTENT_LENGTH"].to_i).force_encoding("UTF-8")
  form = URI.decode_www_form(body).to_h
end

begin
  day = form["day"] && Time.iso8601("#{form["day"]}T00:00:00Z")
rescue ArgumentError
  print "Status: 400 Bad Request\nContent-Type: text/plain\n\nnot a day: #{form["day"]}"
  exit 1
end

print "Content-Type: text/html; charset=utf-8\nX-Process: #{$$}\n\n"
print ERB.new(DATA.read, trim_mode: "<>").result(binding)

__END__
<!doctype html>
<title>Invitation</title>
<% if day %>
<p>Dear <%= CGI.escapeHTML(form.fetch("guest", "guest")) %>, come on <%= day.strftime("%A, %-d %B %Y") %>.</p>
<% end %>
<form method="post">
	<label>Guest <input name="guest"></label>
	<label>Day <input name="day" type="date"></label>
	<button>Invite</button>
</form>

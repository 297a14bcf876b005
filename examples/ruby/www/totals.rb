#!/usr/bin/env ruby
# The totals of each column of a CSV body, as JSON. Opens a core class, changes
# the directory and leaves a thread behind, which a process of its own may.
require "csv"
require "json"

class String
  def number = Float(self, exception: false)
end

Dir.chdir("/")
Thread.new { sleep }

totals = Hash.new(0)
CSV.new($stdin, headers: true).each do |row|
  row.each { |column, value| totals[column] += value.number if value&.number }
end

puts "Content-Type: application/json", ""
puts JSON.generate(process: $$, totals: totals)

# Linux has the two prctl(2) options that a worker wants.
module Anyfpm::Linux
  PRCTL = { "x86_64" => 157, "aarch64" => 167, "riscv64" => 167, "powerpc64le" => 171, "s390x" => 172 }

  # die_with_parent has a signal sent to this process when its parent ends.
  def self.die_with_parent(signal)
    prctl(1, Signal.list.fetch(signal))
  end

  # adopt_orphans makes descendants whose parent has ended children of this
  # process.
  def self.adopt_orphans
    prctl(36, 1)
  end

  def self.prctl(option, value)
    number = PRCTL[RUBY_PLATFORM[/\A\w+?(?=-)/]] or return
    verbose, $VERBOSE = $VERBOSE, nil # or Ruby warns of syscall
    syscall(number, option, value, 0, 0, 0)
  rescue NotImplementedError, SystemCallError
    nil # docs/worker-protocol.md says what is lost without it
  ensure
    $VERBOSE = verbose
  end
  private_class_method :prctl
end

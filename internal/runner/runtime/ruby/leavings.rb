# Leavings is what a process for one request has for the interpreter's end: open
# files with something to write, threads, finalizers such as Tempfile's. Where
# there is none, the process can end without that: to free each object takes
# longer than many a script, as a forked process copies every page for it.
class Anyfpm::Leavings
  F_DUPFD, F_GETFL, O_ACCMODE = 0, 3, 3
  private_constant :F_DUPFD, :F_GETFL, :O_ACCMODE

  # Finalizers notes that something is to be called for an object.
  module Finalizers
    def define_finalizer(*arguments, &block)
      Anyfpm::Leavings.finalizers = true
      super
    end
  end

  class << self
    attr_accessor :finalizers
  end
  ObjectSpace.singleton_class.prepend(Finalizers)

  # It is made before the fork, when libraries are loaded. socket is the control
  # socket.
  def initialize(socket)
    standard = [STDIN, STDOUT, STDERR, socket]
    @files = ObjectSpace.each_object(IO).any? { |io| !standard.include?(io) && writable?(io) }
  end

  # begin is called in the process that serves.
  def begin(socket)
    @socket = socket
    @next = next_descriptor
  end

  # any? tells whether there is something; in doubt there is.
  def any?
    @files || self.class.finalizers || threads? || next_descriptor != @next
  rescue IOError, SystemCallError
    true # the script has closed the socket
  end

  private

  def writable?(io)
    !io.closed? && io.fcntl(F_GETFL) & O_ACCMODE != 0
  rescue IOError
    false # it was never opened
  end

  def threads?
    Thread.list.size > 1 || (defined?(Ractor) && Ractor.count > 1)
  end

  # next_descriptor is the number that the next file gets: another one if one was
  # left open.
  def next_descriptor
    descriptor = @socket.fcntl(F_DUPFD, 0)
    IO.for_fd(descriptor).close
    descriptor
  end
end

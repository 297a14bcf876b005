# Leavings is what a process for one request has for the interpreter's end: open
# files with something to write, threads, finalizers such as Tempfile's. Where
# there is none, the process can end without that: to free each object takes
# longer than many a script, as a forked process copies every page for it.
class Anyfpm::Leavings
  F_GETFL, O_ACCMODE = 3, 3
  private_constant :F_GETFL, :O_ACCMODE

  class << self
    attr_accessor :noted
  end

  # Finalizers notes that something is to be called for an object.
  module Finalizers
    def define_finalizer(*arguments, &block)
      Anyfpm::Leavings.noted = true
      super
    end
  end
  [ObjectSpace, ObjectSpace.singleton_class].each { |place| place.prepend(Finalizers) }

  # Files notes that a file is made on a standard descriptor, which adds none.
  module Files
    def initialize(descriptor, *arguments, **options, &block)
      Anyfpm::Leavings.noted = true if [0, 1, 2].include?(descriptor)
      super
    end
  end
  IO.prepend(Files)

  # FilesFor does the same for IO.for_fd, which makes files by itself.
  module FilesFor
    def for_fd(descriptor, *arguments, **options, &block)
      Anyfpm::Leavings.noted = true if [0, 1, 2].include?(descriptor)
      super
    end
  end
  IO.singleton_class.prepend(FilesFor)

  # It is made before the fork, when libraries are loaded. socket is the control
  # socket.
  def initialize(socket)
    standard = [STDIN, STDOUT, STDERR, socket]
    @files = ObjectSpace.each_object(IO).any? { |io| !standard.include?(io) && writable?(io) }
    self.class.noted = false
  end

  # begin is called in the process that serves.
  def begin
    @descriptors = descriptors
  end

  # any? tells whether there is something; in doubt there is.
  def any?
    @files || self.class.noted || threads? || @descriptors.nil? || descriptors != @descriptors
  end

  # flush writes what is in open files. Some of it may belong to the response.
  def flush
    ObjectSpace.each_object(IO) do |io|
      io.flush if writable?(io)
    rescue StandardError
      next # it cannot be written
    end
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

  # descriptors counts those that are open, nil where nobody tells. It is not
  # enough to look which one is free next: it may be one of two that were opened,
  # of which the other is left.
  def descriptors
    size = File.stat("/proc/self/fd").size # 0 before Linux 6.2
    size > 0 ? size : Dir.children("/proc/self/fd").size
  rescue SystemCallError
    nil
  end
end

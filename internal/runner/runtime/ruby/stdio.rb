# Stdio is a script's STDIN, STDOUT and STDERR: Ruby's own on descriptors 0, 1
# and 2.
class Anyfpm::Stdio
  NAMES = [:STDIN, :STDOUT, :STDERR]

  def initialize
    @saved = [STDIN, STDOUT, STDERR].map(&:dup)
    @encodings = [STDIN, STDOUT, STDERR].map { |io| [io.external_encoding, io.internal_encoding] }
  end

  # stdin= makes a file standard input.
  def stdin=(file)
    STDIN.reopen(file)
    file.close
  end

  # text= makes standard input hold a text no longer than a pipe always holds.
  def text=(text)
    stdin, pipe = IO.pipe
    pipe.write(text)
    pipe.close
    self.stdin = stdin
  end

  def flush
    [$stdout, STDOUT, $stderr].each do |io|
      io.flush
    rescue IOError, SystemCallError, NoMethodError
      next # closed, or replaced by something that is no file
    end
  end

  # error writes to descriptor 2, which the script may have closed STDERR of.
  def error(text)
    file = IO.for_fd(2, "w", autoclose: false)
    file.sync = true
    file.write(text)
  rescue SystemCallError
    nil
  end

  # finish points standard output to nowhere, once the response is over.
  def finish
    File.open("/dev/null", "w") { |nowhere| STDOUT.reopen(nowhere) }
  rescue SystemCallError
    STDOUT.reopen(STDERR) # in a chroot
  end

  # restore puts back the descriptors, and the files that were changed.
  def restore
    NAMES.each_with_index do |name, fd|
      io = Object.const_get(name)
      renew(name, fd) if io.closed? || io.fileno != fd
    end
    STDIN.reopen(@saved[0])
    STDIN.read # what is left of an old body in Ruby's buffer
    STDOUT.reopen(@saved[1])
    STDERR.reopen(@saved[2])
    [STDIN, STDOUT, STDERR].zip(@encodings) do |io, (external, internal)|
      io.set_encoding(external, internal) if io.external_encoding != external || io.internal_encoding != internal
    end
    STDOUT.sync = false
    $stdin, $stdout, $stderr = STDIN, STDOUT, STDERR
  end

  private

  # renew makes a new file on a descriptor whose file the script has closed.
  # Ruby does not close these three descriptors with their files.
  def renew(name, fd)
    Object.send(:remove_const, name)
    Object.const_set(name, IO.for_fd(fd, fd == 0 ? "r" : "w", autoclose: false))
  end
end

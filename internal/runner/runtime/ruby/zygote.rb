# Zygote is the process that has everything loaded and forks the workers.
class Anyfpm::Zygote
  # The block is called with the path of a script that children should have
  # compiled. inline is for HELLO: that of children which say none, or 0.
  def initialize(wire, inline, &compile)
    @wire = wire
    @inline = inline
    @compile = compile
  end

  # run serves the supervisor's commands. It returns in each child, with the
  # child's Wire.
  def run
    wakeup, wakeup_end = IO.pipe
    trap("CHLD") { wakeup_end.write_nonblock(".", exception: false) }
    Process.respond_to?(:warmup) ? Process.warmup : GC.start
    @wire.hello(@inline)
    loop do
      unless @wire.pending?
        ready, = IO.select([wakeup, @wire.socket])
        if ready.include?(wakeup)
          wakeup.read_nonblock(4096)
          reap
        end
        next unless ready.include?(@wire.socket)
      end
      type, content = @wire.receive
      @compile.call(content.delete_suffix("\0").force_encoding(Encoding.default_external)) if type == "C"
      next unless type == "F" && (child = spawn)
      wakeup.close
      wakeup_end.close
      return child
    end
  end

  private

  def reap
    while (pid = Process.waitpid(-1, Process::WNOHANG))
      @wire.exited(pid, $?.to_i)
    end
  rescue Errno::ECHILD
    nil
  end

  # spawn forks a worker with the descriptors that came with FORK. It returns
  # its Wire in it.
  def spawn
    descriptors = @wire.take_descriptors(3)
    parent = Process.pid
    pid = begin
      fork
    rescue SystemCallError => error
      warn "anyfpm: cannot fork a worker: #{error}"
      0
    end
    return settle(parent, *descriptors) if pid.nil?

    descriptors.each(&:close)
    begin
      Process.setpgid(pid, pid) if pid > 0
    rescue SystemCallError
      nil # it is gone already
    end
    @wire.child(pid)
    nil
  end

  # settle turns the forked process into a worker of its own.
  def settle(parent, control, stdout, stderr)
    trap("CHLD", "DEFAULT")
    Anyfpm::Linux.die_with_parent("KILL")
    exit!(0) if Process.ppid != parent
    @wire.socket.close
    STDOUT.reopen(IO.for_fd(stdout.fileno, "w", autoclose: false))
    STDERR.reopen(IO.for_fd(stderr.fileno, "w", autoclose: false))
    STDERR.sync = true # reopen has changed it
    stdout.close
    stderr.close
    Anyfpm::Wire.new(control)
  end
end

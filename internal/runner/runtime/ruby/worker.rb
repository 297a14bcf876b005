# Worker runs CGI scripts in a resident interpreter.
class Anyfpm::Worker
  INLINE = 4096 # what a pipe always holds: a script's stdin is a descriptor
  DRAIN = Anyfpm::Wire::DRAIN_STDOUT | Anyfpm::Wire::DRAIN_STDERR

  def initialize(wire, once, title, leavings)
    @wire = wire
    @once = once
    @title = title
    @leavings = leavings
    @blocks = []
    @pid = Process.pid
    @state = Anyfpm::State.new
    @stdio = Anyfpm::Stdio.new
    @leavings.begin
  end

  def run
    loop { serve(*@wire.receive) }
  end

  # finish_request is Anyfpm.finish_request.
  def finish_request
    return false if @finished || Process.pid != @pid

    @finished = true
    @stdio.flush
    @stdio.finish
    @wire.finish_response(DRAIN)
    true
  end

  # catch_exit keeps a block of the script's for the end of the request, and
  # tells whether it is one.
  def catch_exit(file, block)
    return false if file != @script&.path || Process.pid != @pid

    @blocks.push(block)
    true
  end

  # ending is called at the end of the process, after all blocks that were
  # given to at_exit.
  def ending
    return run_exit_blocks($!) if Process.pid != @pid # fork was given a block
    return unless @leaving

    status = $!.is_a?(SystemExit) ? $!.status : 1
    left = @leavings.any?
    @leavings.flush if left
    @stdio.flush
    @wire.finish_request(@flags | Anyfpm::Wire::RETIRE, status)
    exit!(status) unless left
  end

  private

  def serve(type, content)
    @finished = false
    @flags = DRAIN
    @script = nil
    @blocks = []
    fields = set_up(type, content)
    error = guard { run_script(fields) }
    run_exit_trap unless @once || Process.pid != @pid
    last = run_exit_blocks(error)
    report(error)
    status = exit_status(last, error)
    leave(status) if @once || Process.pid != @pid
    @script&.forget
    @stdio.flush
    @state.restore(@script)
    @stdio.restore
    @flags |= Anyfpm::Wire::RETIRE if @state.children? || @state.environment_full?
    @wire.finish_request(@flags, status)
  end

  # set_up makes the request's standard input, and returns the strings of the
  # message.
  def set_up(type, content)
    case type
    when "D"
      @stdio.stdin = @wire.take_descriptors(1).first
    when "B"
      size = content.unpack1("N")
      @stdio.text = content.byteslice(4 + size..)
      content = content.byteslice(4, size)
    end
    # Split as bytes: what a client sends may be valid in no encoding.
    content.split("\0", -1).each { |field| field.force_encoding(Encoding.default_external) }
  end

  def run_script(fields)
    path, count, *fields = fields
    ARGV.replace(fields.shift(count.to_i))
    fields.pop # what follows the last NUL
    @state.environment = fields.each_slice(2).to_h
    Dir.chdir(File.dirname(path))
    $0 = path
    Process.setproctitle(@title) # $0 has changed it
    @script, compiled = Anyfpm::Script.load(path)
    @flags |= Anyfpm::Wire::COMPILED if compiled
    @script.run
  end

  # guard yields as the interpreter runs a program, and returns the exception
  # that ended it.
  def guard
    yield
    nil
  rescue SystemExit => exit
    exit
  rescue SignalException
    raise # ends the worker
  rescue Exception => error
    @flags |= Anyfpm::Wire::FAILED
    @flags |= Anyfpm::Wire::RETIRE if error.class.name == "fatal" # Ruby finds one deadlock in a process
    error
  end

  # run_exit_trap calls what trap("EXIT") was given, which comes before the
  # blocks of at_exit.
  def run_exit_trap
    return if Anyfpm::State.traps.empty?

    handler = trap("EXIT", "DEFAULT")
    report(guard { handler.call(0) }) if handler.respond_to?(:call)
  end

  # run_exit_blocks calls the blocks of at_exit, for which $! is what has
  # ended the program, and returns what has ended it then.
  def run_exit_blocks(last)
    while (block = @blocks.pop)
      error = guard { after(last, &block) }
      report(error)
      last = error || last
    end
    last
  end

  # after yields with an error as $!.
  def after(error)
    return yield unless error

    begin
      raise error
    rescue Exception
      yield
    end
  end

  def exit_status(*errors)
    exit = errors.grep(SystemExit).first
    return exit.status if exit

    errors.any? ? 1 : 0
  end

  # report prints an uncaught exception as the interpreter does, without the
  # worker's part of the backtraces.
  def report(error)
    return if error.nil? || error.is_a?(SystemExit)

    cause = error
    while cause
      trace = cause.backtrace&.reject { |line| line.start_with?("anyfpm/", "-:") }
      cause.set_backtrace(trace) if trace
      cause = cause.cause
    end
    @stdio.error(error.full_message(highlight: false, order: :top))
  rescue StandardError # of what the script has made the exception's methods
    @stdio.error("#{@script&.path}: #{error.class}\n")
  end

  # leave ends a process that serves once, or that a script has forked.
  def leave(status)
    @leaving = true
    exit(status)
  end
end
